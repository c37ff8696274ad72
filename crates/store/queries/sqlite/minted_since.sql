SELECT count(*) FROM visits WHERE case_id = ?1 AND step = 'minted' AND at > ?2
