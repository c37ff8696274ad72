-- $7: recorded however many there are; $8: how many there may be otherwise.
INSERT INTO visits (case_id, notification_id, at, step, way, visitor)
SELECT case_id, notification_id, at, step, way, visitor
FROM unnest(
    $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bool[]
) AS rows (
    case_id, notification_id, at, step, way, visitor, always
)
WHERE always OR (SELECT count(*) FROM visits AS v WHERE v.case_id = rows.case_id) < $8::bigint
