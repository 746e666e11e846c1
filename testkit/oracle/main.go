// The oracle reads NATS tokens with the reference library and says what it thinks of them, and it
// issues tokens that our own code must read. One JSON request a line in, one answer a line out.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

type request struct {
	Do    string `json:"do"`
	Token string `json:"token"`
}

type answer struct {
	Error   string          `json:"error,omitempty"`
	Issues  []string        `json:"issues"`
	Expired bool            `json:"expired"`
	Type    string          `json:"type,omitempty"`
	Claims  json.RawMessage `json:"claims,omitempty"`
	Issued  *issued         `json:"issued,omitempty"`
}

type issued struct {
	Operator     string `json:"operator"`
	OperatorRoot string `json:"operatorRoot"`
	Account      string `json:"account"`
	User         string `json:"user"`
	Expired      string `json:"expired"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, 65536), 4<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := out.Encode(handle(lines.Bytes())); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func handle(line []byte) answer {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error(), Issues: []string{}}
	}
	if asked.Do == "issue" {
		return issue()
	}
	return inspect(asked.Token)
}

func inspect(token string) answer {
	claims, err := jwt.Decode(token)
	if err != nil {
		return answer{Error: err.Error(), Issues: []string{}}
	}
	results := jwt.CreateValidationResults()
	claims.Validate(results)
	found := answer{Type: string(claims.ClaimType()), Issues: []string{}}
	for _, problem := range results.Issues {
		if problem.TimeCheck {
			found.Expired = true
			continue
		}
		found.Issues = append(found.Issues, problem.Description)
	}
	found.Claims, err = json.Marshal(claims)
	if err != nil {
		found.Error = err.Error()
	}
	return found
}

func issue() answer {
	made, err := issueAll()
	if err != nil {
		return answer{Error: err.Error(), Issues: []string{}}
	}
	return answer{Issued: made, Issues: []string{}}
}

func issueAll() (*issued, error) {
	pairs := make([]nkeys.KeyPair, 0, 5)
	prefixes := []nkeys.PrefixByte{
		nkeys.PrefixByteOperator, nkeys.PrefixByteOperator,
		nkeys.PrefixByteAccount, nkeys.PrefixByteAccount, nkeys.PrefixByteUser,
	}
	public := make([]string, 0, len(prefixes))
	for _, prefix := range prefixes {
		pair, err := nkeys.CreatePair(prefix)
		if err != nil {
			return nil, err
		}
		key, err := pair.PublicKey()
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair)
		public = append(public, key)
	}
	operator := jwt.NewOperatorClaims(public[0])
	operator.Name = "Österreich ☂"
	operator.SigningKeys.Add(public[1])
	account := jwt.NewAccountClaims(public[2])
	account.Name = "account"
	scope := jwt.NewUserScope()
	scope.Key = public[3]
	scope.Role = "member"
	scope.Template.Pub.Allow.Add("room.{{tag(room)}}.{{subject()}}")
	scope.Template.Sub.Allow.Add("_INBOX.{{subject()}}.>")
	account.SigningKeys.AddScopedSigner(scope)
	user := jwt.NewUserClaims(public[4])
	user.SetScoped(true)
	user.IssuerAccount = public[2]
	user.Tags.Add("room:room_a")
	late := jwt.NewUserClaims(public[4])
	late.SetScoped(true)
	late.IssuerAccount = public[2]
	late.Expires = 1
	made := &issued{OperatorRoot: public[0]}
	var err error
	if made.Operator, err = operator.Encode(pairs[0]); err != nil {
		return nil, err
	}
	if made.Account, err = account.Encode(pairs[1]); err != nil {
		return nil, err
	}
	if made.User, err = user.Encode(pairs[3]); err != nil {
		return nil, err
	}
	made.Expired, err = late.Encode(pairs[3])
	return made, err
}
