-- dead_letter_counts
select reason, count(*) from dead_letter group by reason
