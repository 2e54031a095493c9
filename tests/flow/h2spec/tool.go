//go:build tools

// Package h2spec pins the conformance tool that test_http2.py runs.
package h2spec

import _ "github.com/summerwind/h2spec/cmd/h2spec"
