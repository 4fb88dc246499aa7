-- find_original_id: the appid that an original id is tied to
SELECT authorizer FROM original_id WHERE component = ?1 AND original_id = ?2
