-- checkpoint_find
select position from checkpoint where reader = $1
