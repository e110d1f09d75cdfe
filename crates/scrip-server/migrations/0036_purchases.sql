-- In which block was bought last, so that no process takes what it sees before that for all that there is.
ALTER TABLE holdings ADD COLUMN bought_in BIGINT;
