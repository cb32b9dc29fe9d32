/*-------------------------------------------------------------------------
 *
 * input_row.h
 *	  Finds and describes a row of an input table.
 *
 * The table is open, and the runner says which row it means.  Nothing is known
 * here of claims, calls or what is done.
 *
 * IDENTIFICATION
 *	  src/input_row.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_INPUT_ROW_H
#define CKPT_INPUT_ROW_H

#include "nodes/execnodes.h"
#include "storage/block.h"
#include "storage/bufpage.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

extern int64 ckpt_input_row_id(Relation rel, Page page, BlockNumber block, OffsetNumber off);
extern BlockNumber ckpt_input_row_block(Relation rel, int64 id);
extern TupleTableSlot *ckpt_input_row_slot(PlanState *root);
extern char *ckpt_input_row_describe(Relation rel, const char *table, ItemPointer tid, int64 id,
									 Oid owner, bool is_group, int nplain);

#endif							/* CKPT_INPUT_ROW_H */
