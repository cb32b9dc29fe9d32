/*-------------------------------------------------------------------------
 *
 * udf.h
 *	  The select list that a step computes for each input row: argument "udf".
 *
 * Analyses the text, says what columns it gives and which it reads, and makes the
 * query that a run executes.  Calls no function of the user: the runner does.
 *
 * IDENTIFICATION
 *	  src/udf.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_UDF_H
#define CKPT_UDF_H

#include "checkpoint.h"

#include "access/attnum.h"
#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "fingerprint.h"
#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"
#include "spec.h"

/* One expression of the select list. */
typedef struct CkptUdfTarget
{
	Oid			type;			/* of the expression */
	Oid			column;			/* type of the column it gives, if one */
	TupleDesc	row;			/* its columns if it gives several, else NULL */
	int			natts;			/* columns it gives; none if it is void */

	/* of a call for several rows: what has an element for each; else all have the same */
	bool		is_array;
	bool		is_set;
} CkptUdfTarget;

/* How rows of the input stand to calls and to the output. */
typedef struct CkptUdfShape
{
	int			nkeys;			/* of agg: partition columns of the input table */
	int			batch;			/* rows of a call; 0 is one, whose values are no arrays */
	int			nkeep;			/* of gen: columns of the input in the output ... */
	AttrNumber	keep[MaxTupleAttributeNumber];	/* ... and their numbers there */
} CkptUdfShape;

typedef struct CkptUdf
{
	CkptKind	kind;			/* CKPT_MAP, CKPT_GEN or CKPT_AGG */
	const char *text;
	List	   *raw_targets;	/* ResTargets */
	TupleDesc	input_desc;		/* of the input table */
	int			nkeys;			/* of agg: partition columns of that */
	int			batch;			/* rows of a call; 0 is one, whose values are no arrays */
	int			nkeep;			/* of gen: columns of the input in the output ... */
	AttrNumber *keep;			/* ... and their numbers there */
	int			nplain;			/* columns of the output before the UDF's */
	int			ntargets;
	CkptUdfTarget *targets;
	int			nvarlena;		/* columns of the UDF that can be toasted ... */
	int		   *varlena;		/* ... and their numbers */
	TupleDesc	output_desc;	/* of the output table */
	Bitmapset  *reads;			/* attribute numbers of input columns that the UDF reads */
	bool		reads_id;		/* the UDF reads sys__id, or the whole row */
	bool		uses_temp;		/* the UDF uses temporary objects of the session */
	Query	   *query;			/* the select list over an input that is not there yet */
	CkptCodeGiven given;
	CkptCode	code;			/* as it was last looked at */
} CkptUdf;

extern CkptUdfShape *ckpt_udf_shape(const CkptSpec *spec, TupleDesc input_desc);
extern CkptUdf *ckpt_udf_analyze(CkptKind kind, const char *text, const CkptUdfShape *shape,
								 const CkptCodeGiven *given,
								 TupleDesc input_desc);
extern AttrNumber ckpt_udf_begin_output(CkptUdf *udf, int natts);
extern void ckpt_udf_add_column(CkptUdf *udf, AttrNumber attno, const char *name, Oid type,
								int32 typmod, Oid collation, bool of_row);
extern Bitmapset *ckpt_udf_aggregate_reads(const char *text, TupleDesc desc, List *keys);
extern bool ckpt_udf_query_uses_temp(Query *query);
extern Query *ckpt_udf_run_query(CkptUdf *udf, const char *input_table,
								 bool *changed);
extern bool ckpt_udf_refresh(CkptUdf *udf, const char *input_table);
extern void ckpt_udf_output_row(CkptUdf *udf, Datum *values, bool *isnull,
								Datum *out_values, bool *out_isnull);

#endif							/* CKPT_UDF_H */
