package quorum

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func prob(t *testing.T, text string) Probability {
	t.Helper()
	p, err := ParseProbability(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// fromConfig reads the group and weight lines of a golden zoo.cfg. (The real
// parser lives in zoocfg, which imports this package.)
func fromConfig(t *testing.T, text string) *System {
	t.Helper()
	var voters []int64
	var groups []Group
	weights := map[int64]int64{}
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		kind, id, _ := strings.Cut(key, ".")
		switch kind {
		case "server":
			if !strings.Contains(value, ":observer") {
				voters = append(voters, number(id))
			}
		case "group":
			g := Group{ID: number(id)}
			for _, m := range strings.Split(value, ":") {
				g.Members = append(g.Members, number(m))
			}
			groups = append(groups, g)
		case "weight":
			weights[number(id)] = number(value)
		}
	}
	s, err := NewHierarchical(voters, groups, weights)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGoldenMajority(t *testing.T) {
	for _, g := range loadGolden(t).Majority {
		m, err := MajorityOf(g.N)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Tolerance(m)
		if err != nil || got.Quorum != g.Quorum || got.Guaranteed != g.Tolerance || got.AtBest != g.Tolerance {
			t.Errorf("n=%d: %+v (%v), want quorum %d tolerance %d", g.N, got, err, g.Quorum, g.Tolerance)
		}
		if shape, err := ShapeOf(m); err != nil || shape.MinimalQuorums.Int64() != int64(g.Minimal) {
			t.Errorf("n=%d: %+v (%v), want %d minimal quorums", g.N, shape, err, g.Minimal)
		}
		for text, want := range g.Availability {
			a, err := Available(m, Uniform(prob(t, text)))
			if err != nil || !near(a.Up(), want.A, 1e-12) || !near(a.Down(), want.U, 1e-9) ||
				!near(a.Nines(), want.Nines, 1e-9) || !near(a.DowntimePerYear(), want.Downtime, 1e-9) {
				t.Errorf("n=%d p=%s: up %v down %v nines %v (%v), want %+v", g.N, text, a.Up(), a.Down(), a.Nines(), err, want)
			}
		}
	}
}

func TestGoldenHierarchical(t *testing.T) {
	for name, g := range loadGolden(t).Hierarchical {
		s := fromConfig(t, g.Config)
		got, err := Tolerance(s)
		want := Tolerances{g.MinQuorum, g.Guaranteed, g.AtBest}
		if err != nil || got != want {
			t.Errorf("%s: %+v (%v), want %+v", name, got, err, want)
		}
		shape, err := ShapeOf(s)
		if err != nil || shape.MinimalQuorums.Int64() != g.Minimal || shape.MinimalBlocking.Int64() != g.Blocking ||
			!slices.Equal(shape.Dummies, g.Dummies) {
			t.Errorf("%s: %+v (%v), want %d minimal quorums, %d blocking sets, dummies %v", name, shape, err, g.Minimal, g.Blocking, g.Dummies)
		}
		if points := SinglePoints(s); !slices.Equal(points, g.Points) {
			t.Errorf("%s: single points %v, want %v", name, points, g.Points)
		}
		for _, row := range g.Profile {
			failures, fatal, total := row[0], shape.Fatal[row[0]].Int64(), binomial(len(s.Voters()), int(row[0])).Int64()
			if fatal != row[1] || total != row[2] {
				t.Errorf("%s: of %d sets of %d, %d are fatal, want %v", name, total, failures, fatal, row)
			}
		}
		if n := shape.Fatal[g.MinBlocking].Int64(); n != g.Smallest || len(g.Profile) != len(shape.Fatal) {
			t.Errorf("%s: %d smallest blocking sets of %d sizes, want %d of %d", name, n, len(shape.Fatal), g.Smallest, len(g.Profile))
		}
		for text, want := range g.Availability {
			a, err := Available(s, Uniform(prob(t, text)))
			if err != nil || !near(a.Up(), want, 1e-14) {
				t.Errorf("%s p=%s: %v (%v), want %v", name, text, a.Up(), err, want)
			}
		}
		half, err := Importance(s, Uniform(prob(t, "0.5")))
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range s.Voters() {
			if want := fraction(t, g.Banzhaf[strconv.FormatInt(id, 10)]); math.Abs(half[i]-want) > 1e-12 {
				t.Errorf("%s: Banzhaf index of %d: %v, want %v", name, id, half[i], want)
			}
		}
	}
}

func fraction(t *testing.T, s string) float64 {
	t.Helper()
	above, below, divided := strings.Cut(s, "/")
	x, err := strconv.ParseFloat(above, 64)
	if err != nil {
		t.Fatal(err)
	}
	if divided {
		y, err := strconv.ParseFloat(below, 64)
		if err != nil {
			t.Fatal(err)
		}
		x /= y
	}
	return x
}

func TestGoldenHeterogeneous(t *testing.T) {
	g := loadGolden(t).Heterogeneous
	m, _ := MajorityOf(5)
	up := func(id int64) Probability { return prob(t, decimal(g.P[strconv.FormatInt(id, 10)])) }
	a, err := Available(m, up)
	if err != nil || !near(a.Up(), g.A, 1e-14) {
		t.Errorf("availability %v (%v), want %v", a.Up(), err, g.A)
	}
	importance, err := Importance(m, up)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range m.Voters() {
		if want := g.Importance[strconv.FormatInt(id, 10)]; !near(importance[i], want, 1e-9) {
			t.Errorf("importance of %d: %v, want %v", id, importance[i], want)
		}
	}
}

func TestGoldenJoint(t *testing.T) {
	for _, g := range loadGolden(t).Joint {
		old, err := NewMajority(g.Old...)
		if err != nil {
			t.Fatal(err)
		}
		next, err := NewMajority(g.New...)
		if err != nil {
			t.Fatal(err)
		}
		j := NewJoint(old, next)
		tol, err := Tolerance(j)
		if err != nil || tol.Quorum != g.MinQuorum || tol.Guaranteed != g.Tolerance {
			t.Errorf("%v -> %v: %+v (%v), want %+v", g.Old, g.New, tol, err, g)
		}
		a, err := Available(j, Uniform(prob(t, "0.99")))
		if err != nil || !near(a.Up(), g.A, 1e-13) {
			t.Errorf("%v -> %v: %v (%v), want %v", g.Old, g.New, a.Up(), err, g.A)
		}
	}
}

func TestGoldenFlexible(t *testing.T) {
	for _, g := range loadGolden(t).Flexible {
		// Flexible Paxos: any q2 commit, and any n+1-q2 elect. ZooKeeper cannot be configured so.
		commits, err := threshold(g.Q2, oneTo(g.N))
		if err != nil {
			t.Fatal(err)
		}
		elections, err := threshold(g.N+1-g.Q2, oneTo(g.N))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			s         *System
			size, tol int
			a         float64
		}{{commits, g.Q2, g.CommitTol, g.ACommit}, {elections, g.Q1, g.ElectTol, g.AElection}} {
			tol, err := Tolerance(c.s)
			if err != nil || tol.Quorum != c.size || tol.Guaranteed != c.tol {
				t.Errorf("n=%d: %+v (%v), want size %d tolerance %d", g.N, tol, err, c.size, c.tol)
			}
			if a, err := Available(c.s, Uniform(prob(t, "0.99"))); err != nil || !near(a.Up(), c.a, 1e-13) {
				t.Errorf("n=%d: %v (%v), want %v", g.N, a.Up(), err, c.a)
			}
		}
	}
}

func TestGoldenLarge(t *testing.T) {
	for _, g := range loadGolden(t).Large {
		ids := make([]int64, g.N)
		weights := map[int64]int64{}
		groups := []Group{{ID: 1}}
		for i := range ids {
			ids[i] = int64(i + 1)
		}
		var s *System
		var err error
		switch {
		case g.System == "majority":
			s, err = NewMajority(ids...)
		case strings.HasPrefix(g.System, "one group, weight.i=i"):
			groups[0].Members = ids
			for _, id := range ids {
				weights[id] = id
			}
			s, err = NewHierarchical(ids, groups, weights)
		case strings.HasPrefix(g.System, "one group, weight.i=10^12+i^2"):
			groups[0].Members = ids
			for _, id := range ids {
				weights[id] = 1_000_000_000_000 + id*id
			}
			s, err = NewHierarchical(ids, groups, weights)
		case g.System == "7 groups x 7":
			groups = nil
			for k := range 7 {
				groups = append(groups, Group{ID: int64(k), Members: ids[7*k : 7*k+7]})
			}
			s, err = NewHierarchical(ids, groups, nil)
		default:
			t.Fatalf("unknown system %q", g.System)
		}
		if err != nil {
			t.Fatal(err)
		}
		a, err := Available(s, Uniform(prob(t, g.P)))
		if err != nil || !near(a.Down(), g.U, 1e-9) {
			t.Errorf("%s n=%d: %v (%v), want %v", g.System, g.N, a.Down(), err, g.U)
		}
		tol, err := Tolerance(s)
		if err != nil || g.MinQuorum > 0 && (tol.Quorum != g.MinQuorum || tol.Guaranteed != g.MinBlocking-1) {
			t.Errorf("%s n=%d: %+v (%v), want quorum %d blocking %d", g.System, g.N, tol, err, g.MinQuorum, g.MinBlocking)
		}
	}
}
