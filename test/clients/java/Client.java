// Processes its share of a step: java Client URL CHECKPOINT INPUT_TABLE OUTPUT_TABLE
// Claims rows, commits, computes, and keeps result and record in one transaction.
import java.sql.*;
import java.util.*;

public class Client {
    public static void main(String[] args) throws SQLException {
        long checkpoint = Long.parseLong(args[1]);
        try (Connection conn = DriverManager.getConnection(args[0]);
             PreparedStatement claim = conn.prepareStatement("SELECT sys__id, num FROM checkpoint.claim(NULL::" + args[2] + ", 100)");
             PreparedStatement insert = conn.prepareStatement("INSERT INTO " + args[3] + " (sys__id, square) VALUES (?, ?)");
             PreparedStatement mark = conn.prepareStatement("SELECT checkpoint.mark_processed(?, ?)");
             PreparedStatement release = conn.prepareStatement("SELECT checkpoint.release(?)")) {
            mark.setLong(1, checkpoint);
            release.setLong(1, checkpoint);
            conn.setAutoCommit(false);
            for (;;) {
                List<Long> ids = new ArrayList<>();
                try (ResultSet rows = claim.executeQuery()) {
                    while (rows.next()) {
                        ids.add(rows.getLong(1));
                        insert.setLong(1, rows.getLong(1));
                        insert.setLong(2, square(rows.getLong(2)));
                        insert.addBatch();
                    }
                }
                conn.commit();              // the claim; a long computation would stand after it
                if (ids.isEmpty()) return;
                try {
                    insert.executeBatch();
                    mark.setArray(2, conn.createArrayOf("bigint", ids.toArray()));
                    mark.executeQuery();
                    conn.commit();
                } catch (SQLException error) {
                    conn.rollback();
                    // else another had our rows after our lease, and was first
                    if (!"23505".equals(error.getSQLState())) throw error;
                    release.executeQuery();
                    conn.commit();
                }
            }
        }
    }

    static long square(long num) {
        return num * num;
    }
}
