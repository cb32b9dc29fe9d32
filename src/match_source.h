/*-------------------------------------------------------------------------
 *
 * match_source.h
 *	  Rows to be matched: those of a table, or hashes kept of a query's rows.
 *
 * What match.c compares is a hash of the columns that a UDF reads.  A table
 * source reads a table in physical order, hashes these columns, and can give the
 * whole row of a match; kept keys are the hashes of rows that are in no table.
 *
 * The module does not know what a match is good for, nor of steps and
 * checkpoints.  Carrying over calls it, with the rights of the tables' owner and
 * an active snapshot.
 *
 * IDENTIFICATION
 *	  src/match_source.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_MATCH_SOURCE_H
#define CKPT_MATCH_SOURCE_H

#include "access/relscan.h"
#include "executor/tuptable.h"
#include "idset.h"
#include "match.h"
#include "rowhash.h"
#include "tcop/dest.h"
#include "udf.h"
#include "utils/rel.h"

/* The hasher of the columns that the UDF reads, and a row of them. */
typedef struct CkptKeyHasher
{
	TupleDesc	desc;
	CkptRowHasher *hasher;
	Datum	   *values;
	bool	   *isnull;
} CkptKeyHasher;

/* Rows of a table, those whose ids are in one set and not in another. */
typedef struct CkptTableSource
{
	CkptMatchSource pub;
	Relation	rel;
	TableScanDesc scan;
	TupleTableSlot *slot;		/* the row read last */
	TupleTableSlot *earlier;	/* one fetched by its TID */
	CkptKeyHasher  *key;
	AttrNumber	id_attno;
	AttrNumber *key_attnos;
	int			need;			/* columns to be deformed */
	const CkptIdSet *in;		/* NULL: all */
	const CkptIdSet *not_in;	/* NULL: none */
} CkptTableSource;

/* Hashes of a query's rows, in a temporary file; pub receives the rows. */
typedef struct CkptKeptKeys
{
	DestReceiver pub;
	int64		rows;
	struct CkptKeptKeysState *state;
} CkptKeptKeys;

extern CkptKeyHasher *ckpt_key_hasher_create(CkptUdf *udf);

extern CkptTableSource *ckpt_table_source_open(const char *table, CkptKeyHasher *key,
											   bool whole, const CkptIdSet *in,
											   const CkptIdSet *not_in);
extern TupleTableSlot *ckpt_table_source_row(CkptTableSource *source,
											 const CkptMatchRow *row);
extern bool ckpt_table_source_disordered(CkptTableSource *source);
extern void ckpt_table_source_close(CkptTableSource *source);

extern CkptKeptKeys *ckpt_kept_keys_create(CkptUdf *udf);
extern CkptKeyHasher *ckpt_kept_keys_hasher(const CkptKeptKeys *keys);
extern int64 ckpt_kept_keys_match(CkptKeptKeys *keys, CkptMatchSource *old,
								  const CkptIdSet *in, const CkptIdSet *not_in,
								  CkptMatchFound found, void *arg);

#endif							/* CKPT_MATCH_SOURCE_H */
