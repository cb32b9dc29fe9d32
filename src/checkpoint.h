/*-------------------------------------------------------------------------
 *
 * checkpoint.h
 *	  Names that every file of the extension shares: schemas, columns, version.
 *
 * Each .c file includes it first.
 *
 * IDENTIFICATION
 *	  src/checkpoint.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CHECKPOINT_H
#define CKPT_CHECKPOINT_H

#include "postgres.h"

#include "compat.h"
#include "words.h"

/*
 * CKPT_VERSION, the version of the SQL objects that this library works with, comes from
 * checkpoint.control, by the Makefile.
 */

/* Schemas: the extension's own objects, and the users' result tables. */
#define CKPT_SCHEMA			"checkpoint"
#define CKPT_DATA_SCHEMA	"checkpoint_data"

/* Columns whose names begin so belong to the extension. */
#define CKPT_COLUMN_PREFIX	"sys__"
#define CKPT_ID_COLUMN		"sys__id"
#define CKPT_INPUT_ID_COLUMN	"sys__input_id"

/* Is this the name of a column that belongs to the extension? */
#define ckpt_is_system_column(name) \
	(strncmp(name, CKPT_COLUMN_PREFIX, strlen(CKPT_COLUMN_PREFIX)) == 0)

#endif							/* CKPT_CHECKPOINT_H */
