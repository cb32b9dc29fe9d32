/*-------------------------------------------------------------------------
 *
 * catalog_internal.h
 *	  What the catalog's files share: how owners and words are read from rows.
 *
 * Only the files catalog*.c include it.
 *
 * IDENTIFICATION
 *	  src/catalog_internal.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CATALOG_INTERNAL_H
#define CKPT_CATALOG_INTERNAL_H

#include "executor/spi.h"
#include "role.h"
#include "spec.h"
#include "statement.h"
#include "words.h"

/* What rows are found by that belong to a role: it is in indexes. */
#define OWNER_OID(of)	"checkpoint._role_oid(" of "owner)"

/* A step as it was called. */
#define RECORDED_COLUMNS \
	"step, kind, query, udf, cache_enabled, cache_version, probe, on_code_change," \
	" code_version, code_query, partition_by, materialized, batch::bigint, keep, output, reads"

extern CkptSpec *ckpt_catalog_row_call(CkptStatement *st, uint64 row);

/* arg_step makes a step's owner, job and name the next three parameters. */
static inline void
arg_step(CkptStatement *st, const CkptStepRef *ref)
{
	ckpt_arg_oid(st, ref->owner);
	ckpt_arg_text(st, ref->job_name);
	ckpt_arg_text(st, ref->step);
}

/* row_owner returns the role of an owner column: see ckpt_role_oid(). */
static inline Oid
row_owner(uint64 row, int col)
{
	bool		isnull;

	return ckpt_role_oid(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									   col, &isnull));
}

/*
 * row_word returns the value of the word that is written in a column.
 */
static inline int
row_word(CkptStatement *st, uint64 row, int col, const CkptWords *words)
{
	return ckpt_word_value(words, ckpt_row_text(st, row, col));
}

#endif							/* CKPT_CATALOG_INTERNAL_H */
