SELECT p.id, c.label, p.score, c.size
FROM {predictions} AS p
JOIN {cases} AS c ON c.id = p.id
