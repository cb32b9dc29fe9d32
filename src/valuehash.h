/*-------------------------------------------------------------------------
 *
 * valuehash.h
 *	  One value of any type, as bytes that are the same in each database.
 *
 * A type is looked at once, which gives a CkptValueHasher.  A value whose bytes
 * in memory are its contents (FORM_BYVAL to FORM_VARLENA) is said to have an
 * image: its caller copies the image with the inline functions below.  For all
 * other values ckpt_valuehash_write() writes the bytes.
 *
 * This module does not know what a row is, nor where in it a value stands.
 * Only rowhash.c calls it; everybody else hashes rows.  The header has what is
 * done for each value of each row as inline functions.
 *
 * What is written here is hashed, and hashes are stored: it must never change.
 *
 * IDENTIFICATION
 *	  src/valuehash.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_VALUEHASH_H
#define CKPT_VALUEHASH_H

#include "checkpoint.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Hashes are stored: those of XXH3 are final from this version on. */
#if XXH_VERSION_NUMBER < 800
#error "checkpoint needs xxHash 0.8.0 or later"
#endif

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "port/pg_bswap.h"
#include "utils/typcache.h"

/* Values longer than this are represented by their own hash, bytes. */
#define LONG_VALUE		1024

#ifdef WORDS_BIGENDIAN
#define LITTLE_ENDIAN_MACHINE	false
#else
#define LITTLE_ENDIAN_MACHINE	true
#endif

/* How a value is turned into bytes. */
typedef enum CkptValueForm
{
	FORM_BYVAL,					/* fixed length, passed by value */
	FORM_FLOAT4,				/* the same, of floating point */
	FORM_FLOAT8,
	FORM_FIXED,					/* fixed length, passed by reference */
	FORM_VARLENA,				/* the bytes of its payload */
	/* those above have an image */
	FORM_NAME,					/* up to the NUL */
	FORM_ARRAY,
	FORM_COMPOSITE,
	FORM_RANGE,
	FORM_MULTIRANGE,
	FORM_ENUM,					/* its label */
	FORM_OBJECT,				/* reg*: what it names */
	FORM_SEND,					/* its send function's bytes */
	FORM_TEXT					/* its output function's text */
} CkptValueForm;

typedef struct CkptValueHasher
{
	CkptValueForm form;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Oid			typid;			/* base type */
	const char *numbers;		/* FORM_FIXED, FORM_VARLENA: see copy_numbers() */
	FmgrInfo	outfunc;		/* FORM_SEND, FORM_TEXT */
	bool		any_setting;	/* FORM_TEXT: may depend on any setting */
	Oid			catalog;		/* FORM_OBJECT */
	TypeCacheEntry *range;		/* FORM_RANGE, FORM_MULTIRANGE */
	struct CkptValueHasher *element;	/* array, range, multirange */
	struct RowType *rows;		/* FORM_COMPOSITE: met, the last one first */
} CkptValueHasher;

/*
 * Where values are written, one at a time.
 *
 * A value that is made of many parts is hashed while it is written: its bytes
 * go from buf to state, and hashed says how many have gone there.
 */
typedef struct CkptValueWriter
{
	MemoryContext cxt;			/* what is kept of row types */
	MemoryContext scratch;		/* emptied by ckpt_valuehash_reset() */
	MemoryContext call;			/* emptied after each call of a function */
	bool		scratched;		/* scratch has something */
	StringInfoData buf;			/* bytes of the value that are not hashed yet */
	Size		hashed;			/* bytes of the value that are */
	XXH3_state_t *state;
	struct varlena *room;		/* where values are decompressed, or NULL */
} CkptValueWriter;

extern void ckpt_valuehash_init(CkptValueHasher *vh, Oid typid);
extern CkptValueWriter *ckpt_valuehash_create_writer(void);
extern void ckpt_valuehash_write(CkptValueWriter *writer, CkptValueHasher *vh, Datum value);
extern struct varlena *ckpt_valuehash_fetch(CkptValueWriter *writer, const CkptValueHasher *vh,
											 Datum value);
extern Oid	ckpt_valuehash_catalog(Oid typid);

/*
 * ckpt_valuehash_reset frees the memory that values took, and fetched ones.
 */
static inline void
ckpt_valuehash_reset(CkptValueWriter *writer)
{
	if (writer->scratched)
	{
		MemoryContextReset(writer->scratch);
		writer->scratched = false;
	}
}

static inline void
put_bytes(StringInfo buf, const void *bytes, Size len)
{
	if (buf->maxlen - buf->len <= (int) len)
		enlargeStringInfo(buf, (int) len);
	memcpy(buf->data + buf->len, bytes, len);
	buf->len += (int) len;
}

/*
 * float4_bits and float8_bits give the image of a number.  NaN have several, which
 * are equal and sort as equal; but float8send() and the like tell them apart.
 */
static inline uint32
float4_bits(float4 f)
{
	uint32		bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static inline uint64
float8_bits(float8 f)
{
	uint64		bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static inline void
put_uint64(StringInfo buf, uint64 value)
{
#ifdef WORDS_BIGENDIAN
	value = pg_bswap64(value);
#endif
	put_bytes(buf, &value, sizeof(value));
}

/*
 * put_counted writes a string of bytes that can be told from its neighbours.
 */
static inline void
put_counted(StringInfo buf, const char *bytes, Size len)
{
	put_uint64(buf, len);
	if (len <= LONG_VALUE)
		put_bytes(buf, bytes, len);
	else
	{
		XXH128_hash_t hash = XXH3_128bits(bytes, len);

		put_uint64(buf, hash.low64);
		put_uint64(buf, hash.high64);
	}
}

/*
 * copy_numbers copies numbers that stand one after the other in this machine's
 * byte order.  sizes has the size of each; the last one is that of all that
 * follow.
 */
static inline void
copy_numbers(char *to, const char *from, Size len, const char *sizes)
{
	if (LITTLE_ENDIAN_MACHINE)
	{
		memcpy(to, from, len);
		return;
	}
	while (len > 0)
	{
		int			size = *sizes;

		for (int i = 0; i < size; i++)
			to[i] = from[size - 1 - i];
		to += size;
		from += size;
		len -= size;
		if (sizes[1] != '\0')
			sizes++;
	}
}

/*
 * must_fetch returns whether the bytes of a value with an image are not as they
 * count.  A TOAST pointer passes for a short value, too.
 */
static inline bool
must_fetch(const struct varlena *v)
{
	return !LITTLE_ENDIAN_MACHINE || VARATT_IS_EXTERNAL(v) || VARATT_IS_COMPRESSED(v);
}

#endif							/* CKPT_VALUEHASH_H */
