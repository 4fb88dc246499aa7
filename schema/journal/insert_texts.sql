-- insert_texts: what WeChat sent
INSERT INTO texts (seq, query, body) VALUES (?1, ?2, ?3)
