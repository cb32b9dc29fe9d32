/*-------------------------------------------------------------------------
 *
 * udf_outside.h
 *	  The UDF of a step that clients compute: columns, and what they follow from.
 *
 * A function outside of the server is known by what the call of open() says of it:
 * argument "output" are the columns that it gives, "reads" the columns of the
 * input that it reads, "code_version" stands for its code.  reuse.c calls it.
 *
 * IDENTIFICATION
 *	  src/udf_outside.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_UDF_OUTSIDE_H
#define CKPT_UDF_OUTSIDE_H

#include "spec.h"
#include "udf.h"

extern CkptUdf *ckpt_udf_outside(const CkptSpec *spec, const CkptCodeGiven *given,
								 TupleDesc input_desc);

#endif							/* CKPT_UDF_OUTSIDE_H */
