/*-------------------------------------------------------------------------
 *
 * typetext.h
 *	  Names of types as text that can be stored and compared.
 *
 * The text is the same on each server and whatever the session's settings.
 * Knows nothing of tables, jobs or hashes; anybody may call it.
 *
 * IDENTIFICATION
 *	  src/typetext.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_TYPETEXT_H
#define CKPT_TYPETEXT_H

#include "access/tupdesc.h"

extern char *ckpt_type_text(Oid typid, int32 typmod, bits16 flags);
extern char *ckpt_column_type_text(Form_pg_attribute att);

#endif							/* CKPT_TYPETEXT_H */
