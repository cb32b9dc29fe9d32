-- One row in a hundred changes, as UPDATE does it: it moves to the table's end.
UPDATE changing SET x = -x WHERE id % 100 = 50;
