// A job with JDBC.
import java.sql.*;

public class Recipe
{
	static void nightly(Connection conn) throws SQLException
	{
		conn.setAutoCommit(true);		// pools and frameworks may have switched it off
		try (Statement st = conn.createStatement())
		{
			st.execute("SELECT checkpoint.begin_job('nightly')");
			st.execute("CALL checkpoint.map('embedded', 'SELECT id, body FROM docs', 'embed(body) AS dims')");
			st.execute("CALL checkpoint.save('public.embeddings', 'SELECT * FROM embedded')");
			st.execute("SELECT checkpoint.end_job()");
		}
	}

	interface Call
	{
		void run() throws SQLException;
	}

	static void fails(String message, Call call)
	{
		try
		{
			call.run();
		}
		catch (SQLException error)
		{
			if (!error.getMessage().contains(message))
				throw new AssertionError(error);
			return;
		}
		throw new AssertionError("no error: " + message);
	}

	static void execute(Connection conn, String sql) throws SQLException
	{
		try (Statement st = conn.createStatement())
		{
			st.execute(sql);
		}
	}

	public static void main(String[] args) throws SQLException
	{
		String slow = "CALL checkpoint.map('s', 'SELECT g FROM generate_series(1, 100) g', '(SELECT g FROM pg_sleep(0.05 + g * 0)) AS x')";

		try (Connection conn = DriverManager.getConnection(args[0]))
		{
			fails("no vector for text 13", () -> nightly(conn));
			execute(conn, "CALL mend()");
			nightly(conn);

			conn.setAutoCommit(false);
			fails("cannot run inside a transaction block",
				() -> execute(conn, "CALL checkpoint.map('m', 'SELECT 1 AS a', 'a AS b')"));
			conn.rollback();
			conn.setAutoCommit(true);

			// ? in the text of a prepared statement is a parameter; in quotes it is not, and ?? is an operator's
			execute(conn, "SELECT checkpoint.begin_job('question')");
			try (PreparedStatement st = conn.prepareStatement("CALL checkpoint.map('m', 'SELECT ''?'' AS a', ?)"))
			{
				st.setString(1, "a AS b");
				st.execute();
			}
			execute(conn, "SELECT checkpoint.end_job()");
		}
		// socketTimeout ends a connection on which the server says nothing for so long: a step says something
		// every checkpoint.progress_interval, when it commits
		try (Connection conn = DriverManager.getConnection(args[0] + "&socketTimeout=3"))
		{
			execute(conn, "SELECT checkpoint.begin_job('silent')");
			execute(conn, "SET checkpoint.progress_interval = 0");
			fails("I/O error", () -> execute(conn, slow));
		}
		try (Connection conn = DriverManager.getConnection(args[0] + "&socketTimeout=3"))
		{
			execute(conn, "SELECT checkpoint.begin_job('talks')");
			execute(conn, "SET checkpoint.progress_interval = '300ms'");
			execute(conn, slow);
			execute(conn, "SELECT checkpoint.end_job()");
		}
	}
}
