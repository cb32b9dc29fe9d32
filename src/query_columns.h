/*-------------------------------------------------------------------------
 *
 * query_columns.h
 *	  The columns that the rows of a query are kept in.
 *
 * They are those of its result, as it was analysed (query.h), less the extension's
 * own.  The module does not know what the rows are kept for.
 *
 * IDENTIFICATION
 *	  src/query_columns.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_QUERY_COLUMNS_H
#define CKPT_QUERY_COLUMNS_H

#include "access/tupdesc.h"
#include "nodes/parsenodes.h"

extern TupleDesc ckpt_query_result_desc(Query *query);
extern TupleDesc ckpt_query_input_desc(Query *query, const char *argument);
extern void ckpt_query_keep_values(Form_pg_attribute att);

#endif							/* CKPT_QUERY_COLUMNS_H */
