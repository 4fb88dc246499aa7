-- create_original_id: the appid that was seen first with an account's original id
CREATE TABLE original_id (
    component   TEXT    NOT NULL,
    original_id TEXT    NOT NULL,
    authorizer  TEXT    NOT NULL,
    seen_at     INTEGER NOT NULL,
    PRIMARY KEY (component, original_id)
) STRICT, WITHOUT ROWID
