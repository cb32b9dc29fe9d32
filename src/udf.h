/*-------------------------------------------------------------------------
 *
 * udf.h
 *	  The select list that a step computes for each input row.
 *
 * IDENTIFICATION
 *	  src/udf.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_UDF_H
#define CKPT_UDF_H

#include "checkpoint.h"

#include "access/tupdesc.h"
#include "fingerprint.h"
#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"

/* One expression of the select list. */
typedef struct CkptUdfTarget
{
	Oid			type;			/* of the expression */
	TupleDesc	row;			/* its columns if it gives several, else NULL */
	int			natts;			/* columns it gives; none if it is void */
} CkptUdfTarget;

typedef struct CkptUdf
{
	CkptKind	kind;			/* CKPT_MAP or CKPT_GEN */
	const char *text;
	List	   *raw_targets;	/* ResTargets */
	TupleDesc	input_desc;		/* of the input table */
	int			nplain;			/* columns of the output before the UDF's */
	int			ntargets;
	CkptUdfTarget *targets;
	int			nvarlena;		/* of the UDF's columns, those that can be toasted ... */
	int		   *varlena;		/* ... and which they are */
	TupleDesc	output_desc;	/* of the output table */
	Bitmapset  *reads;			/* attribute numbers of input columns that it reads */
	bool		reads_id;		/* it reads sys__id, or the whole row */
	bool		uses_temp;		/* it uses temporary objects of the session */
	CkptCode	code;			/* as it was last looked at */
} CkptUdf;

extern CkptUdf *ckpt_udf_analyze(CkptKind kind, const char *text,
								 const char *cache_version,
								 TupleDesc input_desc);
extern Query *ckpt_udf_run_query(CkptUdf *udf, const char *input_table,
								 bool *changed);
extern bool ckpt_udf_refresh(CkptUdf *udf, const char *input_table);
extern void ckpt_udf_output_row(CkptUdf *udf, Datum *values, bool *isnull,
								Datum *out_values, bool *out_isnull);

#endif							/* CKPT_UDF_H */
