package quorum

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// golden is testdata/golden.json: values computed twice, by enumeration and by a
// scalable algorithm, in exact rationals, the predicate checked against
// ZooKeeper's own classes.
type golden struct {
	Majority []struct {
		N            int `json:"n"`
		Quorum       int `json:"quorum"`
		Tolerance    int `json:"fault_tolerance"`
		Minimal      int `json:"minimal_quorums"`
		Availability map[string]struct {
			A        float64 `json:"A"`
			U        float64 `json:"unavailability"`
			Nines    float64 `json:"nines"`
			Downtime float64 `json:"downtime_seconds_per_year"`
		} `json:"availability"`
	} `json:"majority"`
	Targets []struct {
		P      string `json:"p"`
		Target string `json:"target"`
		N      int    `json:"smallest_odd_n"`
	} `json:"smallest_odd_ensemble_for_target"`
	Heterogeneous struct {
		P          map[string]float64 `json:"p"`
		A          float64            `json:"A"`
		Importance map[string]float64 `json:"birnbaum_importance"`
		Best       struct {
			Weights []int64   `json:"weights"`
			A       float64   `json:"A"`
			LogOdds []float64 `json:"log_odds"`
		} `json:"best_integer_weights_0_to_5"`
	} `json:"heterogeneous_majority5"`
	Hierarchical map[string]struct {
		Config       string             `json:"zoo_cfg"`
		Voters       []int64            `json:"voters"`
		Reachable    bool               `json:"available_when_all_up"`
		MinQuorum    int                `json:"min_quorum_size"`
		Minimal      int64              `json:"num_minimal_quorums"`
		MinBlocking  int                `json:"min_blocking_size"`
		Smallest     int64              `json:"num_min_cardinality_blocking_sets"`
		Blocking     int64              `json:"num_minimal_blocking_sets"`
		Guaranteed   int                `json:"guaranteed_fault_tolerance"`
		AtBest       int                `json:"best_case_fault_tolerance"`
		Points       []int64            `json:"single_points_of_failure"`
		Dummies      []int64            `json:"dummy_voters"`
		Profile      [][3]int64         `json:"failure_profile_f_bad_total"`
		Availability map[string]float64 `json:"availability"`
		Banzhaf      map[string]string  `json:"banzhaf"`
	} `json:"hierarchical"`
	Markov []struct {
		N      int     `json:"n"`
		MTTF   float64 `json:"mttf_hours"`
		MTTR   float64 `json:"mttr_hours"`
		Repair string  `json:"repair"`
		MTTQL  float64 `json:"mttql_hours_from_all_up"`
		A      float64 `json:"steady_availability"`
		Losses float64 `json:"quorum_losses_per_year"`
		Outage float64 `json:"mean_outage_hours"`
		MeanUp float64 `json:"mean_up_hours_steady"`
	} `json:"markov"`
	Balanced []struct {
		N        int   `json:"n"`
		Zones    int   `json:"zones"`
		Sizes    []int `json:"sizes"`
		Survives bool  `json:"survives_any_one_zone"`
		Further  *int  `json:"worst_further_node_failures"`
		Block    *int  `json:"min_zones_to_block"` // absent from large rows
	} `json:"zones_balanced_majority"`
	Zones map[string]struct {
		Survives     map[string]bool    `json:"survives_loss_of"`
		Any          bool               `json:"survives_any_one_zone"`
		Block        int                `json:"min_zones_to_block"`
		Further      map[string]int     `json:"further_node_failures_tolerated_after_zone_loss"`
		Worst        int                `json:"worst_after_zone_loss"`
		Availability map[string]float64 `json:"availability_p=0.99"`
		Placement    map[string]string  `json:"placement"`
	} `json:"zones"`
	Joint []struct {
		Old       []int64 `json:"old"`
		New       []int64 `json:"new"`
		MinQuorum int     `json:"min_quorum_size"`
		Tolerance int     `json:"guaranteed_fault_tolerance"`
		A         float64 `json:"availability_p=0.99"`
	} `json:"joint_reconfig"`
	Flexible []struct {
		N         int     `json:"n"`
		Q1        int     `json:"q1_election"`
		Q2        int     `json:"q2_commit"`
		CommitTol int     `json:"commit_tolerance"`
		ElectTol  int     `json:"election_tolerance"`
		ACommit   float64 `json:"A_commit_p=0.99"`
		AElection float64 `json:"A_election_p=0.99"`
	} `json:"flexible_paxos"`
	Commit []struct {
		Case   string              `json:"case"`
		Ack    map[string]*float64 `json:"ack_ms"`
		Commit *float64            `json:"commit_ms"`
	} `json:"commit_latency"`
	Order struct {
		Exponential []struct {
			N     int     `json:"n"`
			Float float64 `json:"float"`
		} `json:"iid_exponential"`
	} `json:"latency_order_statistics"`
	Large []struct {
		System      string  `json:"system"`
		N           int     `json:"n"`
		P           string  `json:"p"`
		U           float64 `json:"unavailability"`
		MinQuorum   int     `json:"min_quorum"`
		MinBlocking int     `json:"min_blocking"`
	} `json:"large_n"`
	Overlapping struct {
		Domains map[string][]int64 `json:"domains"`
		P       map[string]float64 `json:"p_domain"`
		Node    float64            `json:"p_node"`
		U       float64            `json:"unavailability"`
		Points  []string           `json:"single_domain_spofs"`
	} `json:"overlapping_domains"`
	Placement []struct {
		N      int     `json:"n"`
		Node   float64 `json:"p_node"`
		Zone   float64 `json:"p_zone"`
		Ranked []struct {
			Sizes []int   `json:"sizes"`
			A     float64 `json:"A"`
		} `json:"ranked"`
	} `json:"best_three_zone_placement"`
	Messages []struct {
		Voters    int `json:"voters"`
		Observers int `json:"observers"`
		Proposal  int `json:"proposal"`
		Ack       int `json:"ack"`
		Commit    int `json:"commit"`
		Inform    int `json:"inform"`
		Total     int `json:"total_messages"`
		Copies    int `json:"payload_copies_out_of_leader"`
	} `json:"message_cost_per_write"`
}

func loadGolden(t *testing.T) golden {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}
