package read_test

import "testing"

// Logs put things before lines, which are read all the same.
func TestPrefixes(t *testing.T) {
	for _, tt := range []struct{ name, before, behind string }{
		{"none", "", ""},
		{"blanks", " \t", " "},
		{"an issue's quote", "> ", ""},
		{"quotes in a quote", "> > ", ""},
		{"CRI", "2019-12-13T21:38:18.370036467Z stdout F ", ""},
		{"CRI, the other stream", "2019-12-13T21:38:18.370036467Z stderr F ", ""},
		{"kubectl logs", "2019-12-13T21:38:18.370036467Z ", ""},
		{"info", "2024-04-03T03:25:00.112365Z\tinfo\t", ""},
		{"debug", "2024-04-03T03:25:00.112365Z debug ", ""},
		{"warn", "2024-04-03T03:25:00.112365Z\twarn\t", ""},
		{"error", "2024-04-03T03:25:00.112365Z\terror\t", ""},
		{"CRI and a level", "2019-12-13T21:38:18.370036467Z stdout F 2024 info ", ""},
		{"a journal", "Jul 19 09:03:35 localhost istio-start.sh[6717]: ", ""},
		{"logfmt", `time="2021-09-03T03:53:51Z" level=info msg="`, `"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line := func(s string) string { return tt.before + s + tt.behind + "\n" }
			if tt.name == "CRI and a level" { // a level stands behind a time only
				check(t, line("-A OUTPUT -p tcp"), "")
				return
			}
			check(t, line("*nat")+line(":OUTPUT DROP [0:0]")+line("-A OUTPUT -p tcp")+line("COMMIT"), "ip nat\n -P OUTPUT DROP\n -A OUTPUT -p tcp\n")
		})
	}
}

// What looks like a prefix and is none is left on its line.
func TestNoPrefixes(t *testing.T) {
	for _, line := range []string{
		"2024-04-03T03:25:00.112365Z information -A OUTPUT -p tcp",
		"2024-04-03 03:25:00.112365Z x -A OUTPUT -p tcp",
		"2024/04/03T03:25:00.112365Z -A OUTPUT -p tcp",
		"2024-04-03T03:25:00.112365Z",
		"2024-04-03T03:25:00.112365Z info",
		"]: -A OUTPUT -p tcp",
		"x msg=-A OUTPUT -p tcp",
		"2024-04-03T03:25:00.1 -", "> ", ">",
		"a host with a name that is far longer than any name of a host and a program may be in a journal, so long[1]: -A OUTPUT -p tcp",
	} {
		check(t, line+"\n", "")
	}
}

// A date as short as can be is none.
func TestShortDates(t *testing.T) {
	check(t, "2024-04-03T03:25 -X a\n", "")
	check(t, "2024-04-03T03:25:01 -A OUTPUT\n", "ip nat\n -A OUTPUT \n")
}
