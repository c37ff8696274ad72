DELETE FROM app_deliveries WHERE event_id = ?1
