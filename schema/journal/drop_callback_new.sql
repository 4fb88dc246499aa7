-- drop_callback_new: from form 2: deaths are part of it
DROP INDEX callback_new
