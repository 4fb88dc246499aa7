-- create_texts: query and body of a callback exactly as WeChat sent them, until their room is given back
CREATE TABLE texts (
    seq   INTEGER PRIMARY KEY,
    query TEXT NOT NULL,
    body  TEXT NOT NULL
) STRICT
