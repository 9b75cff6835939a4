package wire

import (
	"errors"
	"slices"
	"strings"
)

// FourLetterWords are the commands that a server recognises, before any handshake, in
// the first four bytes of a connection to its client port. It answers in plain text
// and closes. No frame can begin like that: as a length, the letters are too large.
var FourLetterWords = []string{
	"conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr",
	"ruok", "srst", "srvr", "stat", "stmk", "wchc", "wchp", "wchs",
}

// IsFourLetterWord reports whether word is one of FourLetterWords.
func IsFourLetterWord(word string) bool { return slices.Contains(FourLetterWords, word) }

// The texts that a server answers with instead of a command's output, to the byte:
// tools compare them.
const (
	// NotServingText: the server is up but has no quorum, or is still synchronising.
	NotServingText = "This ZooKeeper instance is not currently serving requests\n"
	// notWhitelistedText follows the command's name.
	notWhitelistedText = " is not executed because it is not in the whitelist.\n"
	// ImOK answers ruok, and says only that the process runs.
	ImOK = "imok"
	// ReadOnlyText is srvr's second line on a read-only server.
	ReadOnlyText = "READ-ONLY mode; serving only read-only clients"
)

// NotWhitelistedText is the refusal of a command that 4lw.commands.whitelist does not
// name.
func NotWhitelistedText(word string) string { return word + notWhitelistedText }

// Errors of the parsers, for answers that are not the command's output.
var (
	// ErrNotServing: the server answered, but takes part in no quorum.
	ErrNotServing = errors.New("server is not currently serving requests")
	// ErrNotWhitelisted: the operator did not allow this command.
	ErrNotWhitelisted = errors.New("command is not in the server's 4lw.commands.whitelist")
	// ErrHalfAnswer: the text begins well and lacks lines that every version sends.
	ErrHalfAnswer = errors.New("half an answer")
	// ErrGarbage: the text is nothing that ZooKeeper says.
	ErrGarbage = errors.New("not an answer of ZooKeeper")
)

// CheckFourLetter returns ErrNotServing or ErrNotWhitelisted when the text is one of
// the sentences that stand for any command's output.
func CheckFourLetter(text []byte) error {
	s := strings.TrimRight(string(text), "\r\n")
	switch {
	case s == strings.TrimRight(NotServingText, "\n"):
		return ErrNotServing
	case strings.HasSuffix(s, strings.TrimRight(notWhitelistedText, "\n")):
		return ErrNotWhitelisted
	}
	return nil
}
