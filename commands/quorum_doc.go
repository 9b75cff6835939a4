package commands

import (
	"math/big"

	"zkctl/quorum"
)

// quorumDoc is the document of "zkctl quorum". What was not asked is absent.
type quorumDoc struct {
	*ensembleDoc
	Compare        []*ensembleDoc     `json:"compare,omitempty"`
	Recommendation *recommendationDoc `json:"recommendation,omitempty"`
}

// ensembleDoc is what can be said of one ensemble.
type ensembleDoc struct {
	Nodes           int              `json:"nodes"`
	Voters          int              `json:"voters"`
	Observers       int              `json:"observers"`
	VoterIDs        []int64          `json:"voter_ids"`
	ObserverIDs     []int64          `json:"observer_ids"`
	System          string           `json:"system"`
	Quorum          *int             `json:"quorum"` // null: not even all voters are one
	Tolerates       int              `json:"tolerates"`
	ToleratesAtBest *int             `json:"tolerates_at_best"`
	SinglePoints    []int64          `json:"single_points_of_failure"`
	NeverMatter     []int64          `json:"never_matter"`
	MinimalQuorums  *big.Int         `json:"minimal_quorums"` // null: too many sums to count exactly, see notes
	Messages        messagesDoc      `json:"messages_per_write"`
	Warnings        []quorum.Warning `json:"warnings"`
	Notes           []string         `json:"notes,omitempty"`

	Oracle       *oracleDoc       `json:"oracle,omitempty"`
	Availability *availabilityDoc `json:"availability,omitempty"`
	MTTQL        *float64         `json:"mean_time_to_quorum_loss_seconds,omitempty"`
	Repair       *repairDoc       `json:"repair,omitempty"`
	Zones        *zonesDoc        `json:"zones,omitempty"`
	WhatIf       *whatIfDoc       `json:"what_if,omitempty"`
	Latency      []latencyDoc     `json:"latency,omitempty"`
	Throughput   *throughputDoc   `json:"throughput,omitempty"`
	BestWeights  *weightsDoc      `json:"best_weights,omitempty"`
	Placements   []placementDoc   `json:"placements,omitempty"`
	Profile      []profileDoc     `json:"failure_profile,omitempty"`
	Quorums      [][]int64        `json:"minimal_quorum_sets,omitempty"`
	Blocking     [][]int64        `json:"minimal_blocking_sets,omitempty"`

	name    string // of the system, for people
	placed  int    // how many placements there are, those not shown included
	zoneSet []quorum.Zone
}

type messagesDoc struct {
	Proposals int `json:"proposals"`
	Acks      int `json:"acks"`
	Commits   int `json:"commits"`
	Informs   int `json:"informs"`
	Total     int `json:"total"`
	Copies    int `json:"payload_copies"`
}

type oracleDoc struct {
	Asked     bool `json:"asked"`     // with exactly two voters
	Tolerates int  `json:"tolerates"` // while the oracle says yes
}

type availabilityDoc struct {
	PerNode        any             `json:"per_node"` // a number, or one by server
	Ensemble       float64         `json:"ensemble"`
	Unavailability float64         `json:"unavailability"`
	Nines          *float64        `json:"nines"` // null: it cannot fail
	Downtime       float64         `json:"downtime_seconds_per_year"`
	Importance     []importanceDoc `json:"importance,omitempty"`

	exact quorum.Availability
}

func newAvailabilityDoc(a quorum.Availability, perNode any) *availabilityDoc {
	doc := &availabilityDoc{PerNode: perNode, Ensemble: a.Up(), Unavailability: digits(a.Down()), Nines: finite(a.Nines()),
		Downtime: digits(a.DowntimePerYear()), exact: a}
	if doc.Nines != nil {
		*doc.Nines = digits(*doc.Nines)
	}
	return doc
}

type importanceDoc struct {
	Server     int64   `json:"server"`
	Importance float64 `json:"importance"`
}

type repairDoc struct {
	MTTF         float64  `json:"mttf_seconds"`
	MTTR         float64  `json:"mttr_seconds"`
	Crew         string   `json:"crew"`
	Availability float64  `json:"availability"`
	Losses       float64  `json:"quorum_losses_per_year"`
	MeanOutage   *float64 `json:"mean_outage_seconds"`

	timeToLoss float64
	exact      quorum.Availability
}

type zonesDoc struct {
	SurvivesAny  bool             `json:"survives_any_one"`
	Survives     map[string]bool  `json:"survives"`
	MinToBlock   *int             `json:"min_zones_to_block"` // null: not even all
	Further      map[string]int   `json:"further_failures_tolerated"`
	WorstFurther int              `json:"worst_further_failures_tolerated"`
	Availability *availabilityDoc `json:"availability,omitempty"`
}

type whatIfDoc struct {
	Failed    []int64 `json:"failed"`
	HasQuorum bool    `json:"has_quorum"`
	Further   int     `json:"further_failures_tolerated"` // -1 without a quorum
}

type latencyDoc struct {
	Leader int64      `json:"leader"`
	Commit *float64   `json:"commit_seconds"` // null: no quorum
	Acks   []int64    `json:"acks"`
	Writes []writeDoc `json:"writes"`
}

type writeDoc struct {
	Via  int64   `json:"via"` // the server that the client is connected to
	Time float64 `json:"write_seconds"`
}

type throughputDoc struct {
	Model    string  `json:"model"`
	Reads    float64 `json:"read_ratio"`
	Ops      float64 `json:"operations_per_second"`
	ReadsPS  float64 `json:"reads_per_second"`
	WritesPS float64 `json:"writes_per_second"`
	Basis    string  `json:"basis"` // measured, interpolated, fitted
}

type weightsDoc struct {
	Weights      map[string]int64 `json:"weights"`
	Availability *availabilityDoc `json:"availability"`
	Groups       string           `json:"groups"` // for --groups
	Flag         string           `json:"flag"`   // for --weights

	ids     []int64
	weights []int64
}

type placementDoc struct {
	Sizes        map[string]int   `json:"sizes"`
	SurvivesAny  bool             `json:"survives_any_one"`
	WorstFurther int              `json:"worst_further_failures_tolerated"`
	Availability *availabilityDoc `json:"availability"`

	sizes []int
}

type profileDoc struct {
	Failures int      `json:"failures"`
	Fatal    *big.Int `json:"fatal"`
	Total    *big.Int `json:"total"`
}

type recommendationDoc struct {
	Nodes        int              `json:"nodes"`
	Target       float64          `json:"target"`
	Quorum       int              `json:"quorum"`
	Tolerates    int              `json:"tolerates"`
	Availability *availabilityDoc `json:"availability"`
}
