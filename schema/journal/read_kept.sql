-- read_kept: settled callbacks whose texts are still kept for a resend
SELECT count(*) FROM callback WHERE state = 's' AND bytes > 0
