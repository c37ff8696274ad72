DELETE FROM app_events WHERE event_id = ?1
