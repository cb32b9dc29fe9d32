# Makes the table and the picture: awk -v rows=N -v big=N -v cores=N -v svg=FILE
# -f report.awk measures.txt raw.csv

BEGIN {
	FS = "|"
	# contenders, in the order in which they are shown
	n_contenders = split("a b c d1 d2 halves", contenders, " ")
	title["a"] = "CREATE TABLE AS"
	title["b"] = "loop over ranges"
	title["c"] = "loop NOT EXISTS"
	title["d1"] = "checkpoint, 1 worker"
	title["d2"] = "checkpoint, 2 workers"
	title["halves"] = "two sessions, a half each"
}

FILENAME ~ /measures/ {
	if (!/^#/ && NF >= 5)
		measure[++n_measures] = $0
	next
}

FNR == 1 {
	next
}

{
	split($0, f, ",")
	test = f[1] == "linear" ? "linear " f[3] : f[1]
	if (!(test in n_rows)) {
		tests[++n_tests] = test
		n_rows[test] = f[3]
	}
	value[test ":" f[2] ":" f[5], f[4]] = f[6]
	if (f[4] > rounds)
		rounds = f[4]
}

# summarize puts the smallest, the middle and the largest value of all rounds,
# divided by those of another metric if there is one, into low, median and high,
# and returns their number.
function summarize(metric, by,   r, n, i, j, v, list)
{
	n = 0
	for (r = 1; r <= rounds; r++) {
		if (!((metric, r) in value) || (by && !((by, r) in value)))
			continue
		v = by ? value[metric, r] / value[by, r] : value[metric, r] + 0
		for (i = n++; i > 0 && list[i] > v; i--)
			list[i + 1] = list[i]
		list[i + 1] = v
	}
	if (n == 0)
		return 0
	low = list[1]
	high = list[n]
	j = int((n + 1) / 2)
	median = n % 2 ? list[j] : (list[j] + list[j + 1]) / 2
	return n
}

function number(v)
{
	return v >= 1000 ? sprintf("%d", v) : v >= 100 ? sprintf("%.0f", v) : \
		v >= 10 ? sprintf("%.1f", v) : sprintf("%.2f", v)
}

# judge returns what a value is, if there is a limit that holds for so many cores.
function judge(v, limit,   l)
{
	split(limit, l, "@")
	if (limit == "-")
		return ""
	if (l[2] > cores) {
		not_applied++
		return "not applied: for " l[2] " cores"
	}
	if (v <= l[1] + 0) {
		met++
		return "met"
	}
	missed++
	return "MISSED"
}

function table_measures(   i, f, n, scale, label, limit, unit, missing, n_missing)
{
	printf "%-90s %9s %9s %9s  %8s\n", "measure", "median", "min", "max", "at most"
	for (i = 1; i <= n_measures; i++) {
		split(measure[i], f, "|")
		label = f[1]
		gsub(/@big@/, big " rows", label)
		unit = f[4] == "ratio" ? "" : ", " f[4]
		n = summarize(f[2], f[3] == "-" ? "" : f[3])
		if (n == 0) {
			missing[++n_missing] = "not measured: " label (f[6] ? " (" f[6] ")" : "")
			continue
		}
		scale = f[4] == "kB" ? 1024 : 1
		limit = f[5]
		sub(/@.*/, "", limit)
		printf "%-90s %9s %9s %9s  %8s  %s\n", label unit, number(median / scale),
			number(low / scale), number(high / scale), limit, judge(median / scale, f[5])
	}
	for (i = 1; i <= n_missing; i++)
		print missing[i]
	printf "%d met, %d missed, %d not applied, %d not measured\n", met, missed, not_applied, n_missing
	if (rows != 2000000)
		print "The limits are for ROWS=2000000; this is " rows "."
}

function table_times(   t, c, id, test, run, n, a, cpu, wal)
{
	printf "\n%-15s %-25s %9s  %8s %8s %8s  %8s %8s  %7s %7s  %6s\n", "test", "contender",
		"rows", "min s", "median s", "max s", "run s", "CPU s", "us/row", "WAL MB", "to (a)"
	for (t = 1; t <= n_tests; t++) {
		test = tests[t]
		for (c = 1; c <= n_contenders; c++) {
			id = test ":" contenders[c]
			run = summarize(id ":run_seconds") ? sprintf("%.3f", median) : ""
			cpu = summarize(id ":cpu_ms") && id !~ /:d[2-9]/ ? sprintf("%.3f", median / 1000) : ""
			wal = summarize(id ":wal_bytes") ? sprintf("%.0f", median / 1e6) : ""
			a = summarize(id ":seconds", test ":a:seconds") ? sprintf("%.2f", median) : ""
			n = summarize(id ":seconds")
			if (n == 0)
				continue
			printf "%-15s %-25s %9d  %8.3f %8.3f %8.3f  %8s %8s  %7.2f %7s  %6s%s\n",
				test ~ /^linear/ ? "linear" : test, title[contenders[c]], n_rows[test], low, median, high, run, cpu,
				median * 1e6 / n_rows[test], wal, a, n < rounds ? "  (rounds: " n ")" : ""
		}
	}
	print "\nrun s: from the last row of the input to the end of the call.  CPU s: of the session, which is all where nobody helps."
}

# picture draws a bar for each contender: its time, with (a) as 1.  The run
# phase of checkpoint is the dark part.  A bar that would leave the picture is
# cut and has its number.
function picture(   t, c, id, test, y, x0, unit, longest, width, run, color, label, end)
{
	x0 = 190
	unit = 150
	longest = 4
	y = 60
	printf "" >svg
	for (t = 1; t <= n_tests; t++) {
		test = tests[t]
		if (!summarize(test ":a:seconds"))
			continue
		y += 14
		body = body sprintf("<text x='10' y='%d' font-weight='bold'>%s, %d rows</text>\n",
							y, test ~ /^linear/ ? "map trivial" : test, n_rows[test])
		for (c = 1; c <= n_contenders; c++) {
			id = test ":" contenders[c]
			if (!summarize(id ":seconds", test ":a:seconds"))
				continue
			width = (median > longest ? longest : median) * unit
			color = contenders[c] ~ /^d/ ? "#9ecae1" : contenders[c] == "a" ? "#969696" : "#d0d0d0"
			y += 18
			body = body sprintf("<text x='%d' y='%d' text-anchor='end'>%s</text>\n",
								x0 - 6, y + 3, title[contenders[c]])
			body = body sprintf("<rect x='%d' y='%d' width='%.1f' height='13' fill='%s'/>\n",
								x0, y - 8, width, color)
			if (median <= longest)
				body = body sprintf("<line x1='%.1f' x2='%.1f' y1='%d' y2='%d' stroke='#333'/>\n",
									x0 + low * unit, x0 + (high > longest ? longest : high) * unit, y - 1, y - 1)
			label = sprintf("%.2f", median)
			end = x0 + (median > longest || high > longest ? longest : high) * unit + 6
			summarize(id ":seconds")
			label = label sprintf(" (%.2f s)", median)
			if (summarize(id ":run_seconds", test ":a:seconds")) {
				# the run comes last
				run = median * unit
				body = body sprintf("<rect x='%.1f' y='%d' width='%.1f' height='13' fill='#3182bd'/>\n",
									x0 + width - run, y - 8, run)
				label = label sprintf(", run %.2f", median)
			}
			body = body sprintf("<text x='%.1f' y='%d'>%s</text>\n", end, y + 3, label)
		}
		y += 10
	}
	printf "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' font-family='sans-serif' font-size='11'>\n",
		x0 + longest * unit + 170, y + 20 >svg
	print "<rect width='100%' height='100%' fill='white'/>" >svg
	print "<text x='10' y='20' font-size='14'>Time to the same result: CREATE TABLE AS is 1</text>" >svg
	print "<text x='10' y='38'>Median of the rounds, and the line from the fastest to the slowest. " \
		"Dark: the run phase. Bars over 4 are cut.</text>" >svg
	printf "%s", body >svg
	printf "<line x1='%d' x2='%d' y1='50' y2='%d' stroke='#c00' stroke-dasharray='3,3'/>\n",
		x0 + unit, x0 + unit, y >svg
	print "</svg>" >svg
	close(svg)
}

END {
	table_measures()
	table_times()
	picture()
}
