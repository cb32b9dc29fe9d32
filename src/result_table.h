/*-------------------------------------------------------------------------
 *
 * result_table.h
 *	  The tables in schema checkpoint_data: name, make, open, check, drop.
 *
 * They belong to the job's owner, who may do anything to them.  So a table is
 * checked each time before it is used.  An input may be a view of a table that has its
 * rows (input_view.h).  The module knows what a table should be
 * like, and not what its rows mean; it does not look into the catalog.
 *
 * IDENTIFICATION
 *	  src/result_table.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_RESULT_TABLE_H
#define CKPT_RESULT_TABLE_H

#include "access/tupdesc.h"
#include "idset.h"
#include "storage/lockdefs.h"
#include "utils/rel.h"

extern char *ckpt_result_table_name(const char *job, const char *step,
									int64 checkpoint_id, const char *what);
extern Oid	ckpt_result_table_create(const char *name, TupleDesc desc, Oid owner);
extern void ckpt_result_table_create_view(const char *name, TupleDesc desc, const char *table,
										  Oid owner);
extern void ckpt_result_table_protect(const char *name, Oid owner);
extern void ckpt_result_table_make_writable(const char *name);
extern Oid	ckpt_result_table_lookup(const char *name);
extern Oid	ckpt_result_table_rows(const char *name);
extern void ckpt_result_table_require(const char *name, const char *what, const char *step);
extern Relation ckpt_result_table_open(const char *name, const char *what,
									   const char *step, Oid owner,
									   const char *columns, LOCKMODE lockmode);
extern const char *ckpt_result_table_fault(const char *name, Oid owner,
										   const char *columns);
extern bool ckpt_result_table_is_empty(const char *name);
extern const char *ckpt_result_table_change(Relation rel, const char *name, Oid owner,
											const char *columns);
extern void ckpt_result_table_keep(const char *name, AttrNumber attno,
								   const CkptIdSet *ids);
extern void ckpt_result_table_copy(const char *name, Oid to, const CkptIdSet *ids);
extern void ckpt_result_table_rename(const char *name, const char *new_name);
extern Oid	ckpt_result_table_lock(const char *name, Oid owner, bool *in_use);
extern int64 ckpt_result_table_bytes(const char *name, Oid owner);
extern bool ckpt_result_table_drop(const char *name, Oid owner);
extern char *ckpt_columns_text(TupleDesc desc);

#endif							/* CKPT_RESULT_TABLE_H */
