-- token_release
update token set leased_until = null where stream = $1 and fence = $2
