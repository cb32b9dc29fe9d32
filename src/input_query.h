/*-------------------------------------------------------------------------
 *
 * input_query.h
 *	  The query of a step's input, within another that adds its rows up.
 *
 * Several processes can read the rows of such a query, which the server's planner
 * decides: see input_sum.h and input_parallel.h, the only callers.  Nothing is run or
 * planned here.
 *
 * IDENTIFICATION
 *	  src/input_query.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_INPUT_QUERY_H
#define CKPT_INPUT_QUERY_H

#include "nodes/parsenodes.h"

extern bool ckpt_input_depends_on_plan(Query *rewritten, bool users_code, bool order);
extern RowExpr *ckpt_input_row(const Query *query);
extern Query *ckpt_input_aggregate(Query *query, Oid aggregate, Oid type, Expr *value);

#endif							/* CKPT_INPUT_QUERY_H */
