/*-------------------------------------------------------------------------
 *
 * publish_table.h
 *	  Tables that hold the rows of checkpoints' outputs: makes them, or merges the
 *	  rows into them.
 *
 * All of it is done by SQL of the tables' owner.  The module does not know of jobs
 * and records; publish.c calls it.
 *
 * IDENTIFICATION
 *	  src/publish_table.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_PUBLISH_TABLE_H
#define CKPT_PUBLISH_TABLE_H

#include "access/tupdesc.h"
#include "catalog.h"

extern void ckpt_table_make(const CkptTarget *target, const char *output_table,
							TupleDesc desc, Oid owner);
extern bool ckpt_table_merge(const CkptTarget *target, const char *output_table,
							 TupleDesc desc, Oid owner);
extern void ckpt_table_check_constraints(Oid owner);
extern void ckpt_table_drop(const CkptTarget *target, Oid owner);

#endif							/* CKPT_PUBLISH_TABLE_H */
