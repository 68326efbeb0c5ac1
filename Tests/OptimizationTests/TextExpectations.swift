// SPDX-License-Identifier: Apache-2.0
//
// Tests of passes by example: the lines of a graph before a pass, and the lines expected after it.

import Optimization
import TensorIR
import Testing

/// Checks that `pass` turns one graph into another, both given as lines inside `graph "..." {}`.
func expect(
  _ pass: Pass, turns before: String, into after: String,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let original = try Graph(parsing: "graph \"example\" {\n\(before)\n}")
  let expected = try Graph(parsing: "graph \"example\" {\n\(after)\n}")
  let result = pass.run(original)
  #expect(original.problems() == [], sourceLocation: sourceLocation)
  #expect(result.text == expected.text, sourceLocation: sourceLocation)
  #expect(result == expected, sourceLocation: sourceLocation)
}
