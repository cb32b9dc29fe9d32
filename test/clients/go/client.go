// Processes its share of a step: client CHECKPOINT INPUT_TABLE OUTPUT_TABLE
// Claims rows, commits, computes, and keeps result and record in one transaction.
// Connects as PGHOST and the like say.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

type row struct{ ID, Num int64 }

func main() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, "")
	check(err)
	defer conn.Close(ctx)
	checkpoint, err := strconv.ParseInt(os.Args[1], 10, 64)
	check(err)
	for {
		rows, err := conn.Query(ctx, "SELECT sys__id, num FROM checkpoint.claim(NULL::"+os.Args[2]+", 100)")
		check(err)
		batch, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		check(err)
		if len(batch) == 0 {
			return
		}
		var ids []int64
		var squares [][]any
		for _, r := range batch {
			ids = append(ids, r.ID)
			squares = append(squares, []any{r.ID, r.Num * r.Num})
		}
		err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			table := pgx.Identifier(strings.Split(os.Args[3], "."))
			_, err := tx.CopyFrom(ctx, table, []string{"sys__id", "square"}, pgx.CopyFromRows(squares))
			if err == nil {
				_, err = tx.Exec(ctx, "SELECT checkpoint.mark_processed($1, $2)", checkpoint, ids)
			}
			return err
		})
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) && pgErr.Code == "23505" {
			// Another had our rows after our lease, and was first.
			_, err = conn.Exec(ctx, "SELECT checkpoint.release($1)", checkpoint)
		}
		check(err)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
