-- JSON as a STRING is kept as it is written; of type JSON it has numbers and members in order.

CREATE OR REPLACE MACRO longhaul_json_query(x JSON, p VARCHAR, old BOOLEAN) AS longhaul_json_query_json(x, p, old), (x VARCHAR, p VARCHAR, old BOOLEAN) AS longhaul_json_query_text(x, p, old);
CREATE OR REPLACE MACRO longhaul_json_value(x JSON, p VARCHAR, old BOOLEAN) AS longhaul_json_value_json(x, p, old), (x VARCHAR, p VARCHAR, old BOOLEAN) AS longhaul_json_value_text(x, p, old);
CREATE OR REPLACE MACRO longhaul_json_query_array(x JSON, p VARCHAR, old BOOLEAN) AS longhaul_json_query_array_json(x, p, old), (x VARCHAR, p VARCHAR, old BOOLEAN) AS longhaul_json_query_array_text(x, p, old);
CREATE OR REPLACE MACRO longhaul_json_value_array(x JSON, p VARCHAR, old BOOLEAN) AS longhaul_json_value_array_json(x, p, old), (x VARCHAR, p VARCHAR, old BOOLEAN) AS longhaul_json_value_array_text(x, p, old);
-- STRING(value): of JSON the text in it, else a date or time as a text.
CREATE OR REPLACE MACRO longhaul_text(x) AS CASE WHEN typeof(x) = 'JSON' THEN longhaul_json_string(CAST(x AS JSON), 'round') ELSE longhaul_string(x) END;
