/*-------------------------------------------------------------------------
 *
 * input_view.h
 *	  Inputs that are the output of another step, as it stands.
 *
 * If a query only selects all columns of a final checkpoint's output, whose rows stand
 * there as the input's would, the input is a view of that output and no row is copied.
 * For whom a name is enough, it is a table like others; who reads rows gets the table
 * that the view shows (result_table.h).
 *
 * The output may go before the input: it is given to it then, and becomes its table.  So
 * nothing is kept for a reader's sake, and whoever drops a result table that a view may
 * show calls ckpt_input_view_drop_table().
 *
 * Knows nothing of runs.  Steps and cleanup.c call it.
 *
 * IDENTIFICATION
 *	  src/input_view.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_INPUT_VIEW_H
#define CKPT_INPUT_VIEW_H

#include "input.h"
#include "nodes/parsenodes.h"

extern char *ckpt_input_view_table(Query *query, TupleDesc input_desc, Oid owner,
								   CkptInput *input);
extern bool ckpt_input_view_drop_table(const char *name, Oid owner);
extern bool ckpt_input_view_try_drop_table(const char *name, Oid owner);

#endif							/* CKPT_INPUT_VIEW_H */
