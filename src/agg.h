/*-------------------------------------------------------------------------
 *
 * agg.h
 *	  Groups of input rows: the input of agg, and the query over it.
 *
 * The input table has a row for each group: sys__id, the partition columns, how
 * many rows the group has, and of each other column that the aggregates read an
 * array, in the order of the input.  Called by who analyses steps and UDFs; does
 * not know of checkpoints.
 *
 * IDENTIFICATION
 *	  src/agg.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_AGG_H
#define CKPT_AGG_H

#include "access/tupdesc.h"
#include "nodes/parsenodes.h"

extern int	ckpt_agg_count_keys(const char *partition_by);
extern Query *ckpt_agg_input(Query *query, const char *udf, const char *partition_by);
extern void ckpt_agg_prepare_input(Query *query);
extern TupleDesc ckpt_agg_members_desc(TupleDesc input_desc, int nkeys);
extern List *ckpt_agg_keys_of_table(TupleDesc input_desc, int nkeys);
extern List *ckpt_agg_group_clause(const char *alias, List *keys);
extern Query *ckpt_agg_run_query(List *raw_targets, const char *text, const char *alias,
								 TupleDesc input_desc, int nkeys, const char *input_table);
extern void ckpt_agg_set_planner(void);

#endif							/* CKPT_AGG_H */
