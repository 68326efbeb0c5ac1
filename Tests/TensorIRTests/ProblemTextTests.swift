// SPDX-License-Identifier: Apache-2.0
//
// The text form of whole problems: what is wrong with a file is said with its line, and no bytes
// crash the reader. That every example survives the way there and back is tested with the compiler
// (`ProblemFileTests`).

import TensorIR
import Testing

@Suite("The text form of problems")
struct ProblemTextTests {
  /// A problem of one number: theta' = theta - lr * g.
  static let text = """
    mixfuse-problem 1
    problem "tiny" f32 seed 1 steps 2 tasks 3
    source "tiny.py"
    dim "n" 4
    theta "theta.w": f32[4] ~ normal(0.0, 1.0)
    initial input
    meta "lr": f32[] ~ constant(0.1) gives "grad"
    inner "x": f32[4] ~ zeros streamed batched
    outer "y": i32[4] ~ integers(0.0, 4.0) batched
    state "state.m": f32[4] ~ zeros

    graph "inner_loss" {
      input %0 "theta.w": f32[4]
      input %1 "lr": f32[]
      input %2 "x": f32[4]
      %3 loss_multiply @loss = multiply %0, %2 : f32[4]   // tiny.py:3:5
      %4 loss = reduce_sum{axes [0]} %3 : f32[]
      output "loss" %4
    }

    graph "initial_state" {
      input %0 "theta.w": f32[4]
      input %1 "lr": f32[]
      %2 = constant{0.0 f32[4]} : f32[4]
      output "state.m" %2
    }

    graph "update" {
      input %0 "g.w": f32[4]
      input %1 "theta.w": f32[4]
      input %2 "state.m": f32[4]
      input %3 "lr": f32[]
      input %4 "step": i32[]
      %5 = broadcast{shape [4] axes []} %3 : f32[4]
      %6 = multiply %5, %0 : f32[4]
      %7 = subtract %1, %6 : f32[4]
      output "theta.w" %7
      output "state.m" %2
    }

    graph "outer_loss" {
      input %0 "theta.w": f32[4]
      input %1 "lr": f32[]
      input %2 "inner.losses": f32[2]
      input %3 "y": i32[4]
      %4 = gather %0, %3 : f32[4]
      %5 = reduce_sum{axes [0]} %4 : f32[]
      output "loss" %5
    }

    """

  @Test("it is read and printed again to the same text")
  func roundTrip() throws {
    let file = try ProblemFile(parsing: Self.text)
    #expect(file.problem.text(source: file.source) == Self.text)
    #expect(file.problem.innerLoss.nodes[0].provenance.location == "tiny.py:3:5")
    #expect(try ProblemFile.dtype(of: Self.text) == .f32)
    #expect(ProblemFile.isProblem(Self.text.utf8))
    #expect(!ProblemFile.isProblem("spec tiny".utf8))
  }

  @Test("in another float type it is what that type's text says")
  func otherFloatType() throws {
    let file = try ProblemFile(parsing: Self.text, dtype: .f64)
    #expect(file.problem.text(source: file.source) == Self.text.replacing("f32", with: "f64"))
  }

  /// What is put in the place of what, the line of the error, and what is said.
  static let faults: [(old: String, new: String, error: String)] = [
    ("problem 1", "problem 2", "line 1: this is version 2 of the format, but this compiler reads"),
    ("\"tiny\" f32", "\"ti ny\" f32", "line 2: expected a name of letters, digits and _"),
    ("\"tiny\" f32", "\"tiny\" i32", "line 2: a problem is written with f32 or f64, not with i32"),
    ("seed 1", "seed -1", "line 2: expected a number from 0 to"),
    ("steps 2 ", "steps 0 ", "line 2: expected a number from 1 to"),
    ("steps 2 ", "steps 99999999999 ", "line 2: expected a number from 1 to"),
    ("\"tiny.py\"", "\"tiny\\n.py\"", "line 3: expected a name without control characters"),
    ("\"n\" 4", "\"n\" x", "line 4: expected an integer, found 'x'"),
    ("~ normal(0.0, 1.0)", "~ normal(0.0)", "line 5: 'normal' takes 2 finite numbers"),
    ("~ normal(0.0, 1.0)", "~ normal(0.0, nan)", "line 5: 'normal' takes 2 finite numbers"),
    ("~ normal(0.0, 1.0)", "~ abnormal", "line 5: there is no initialiser 'abnormal'"),
    ("\"theta.w\": f32[4] ~", "\"theta.w\": f32[0] ~", "line 5: f32[0] is no type of an array"),
    ("\"theta.w\": f32[4] ~", "\"theta..w\": f32[4] ~", "line 5: expected names of letters"),
    ("initial input", "initial meta 0", "line 7: lr is f32[], but it is the start of theta.w"),
    ("initial input", "initial meta 1", "line 5: theta has 1 leaves from meta leaf 1 on"),
    ("initial input", "", "line 7: expected 'initial', found 'meta'"),
    ("gives \"grad\"", "", "line 8: expected 'gives', found 'inner'"),
    ("\"y\": i32[4] ~", "\"y\": bool[4] ~", "line 9: y is bool[4], but data are f32 or i32"),
    ("\"y\": i32[4] ~", "\"x\": i32[4] ~", "line 9: there are two of x"),
    ("0, 4.0) batched", "0, 4.0) streamed", "line 9: y is outer data, which are not streamed"),
    (" tasks 3", "", "line 8: x is batched, but the problem has no tasks"),
    ("\"state.m\": f32[4] ~", "\"state.m\": i32[4] ~", "line 10: state.m is i32[4], but states"),
    ("graph \"update\"", "graph \"later\"", "line 28: expected the graph \"update\", found"),
    ("%2 \"x\": f32[4]", "%2 \"z\": f32[4]", "line 12: input 2 of inner_loss is \"z\", expected"),
    ("input %3 \"y\": i32[4]", "input %3 \"y\": i32[5]", "line 41: outer_loss"),
    ("output \"state.m\" %2\n}\n\ngraph \"u", "}\n\ngraph \"u", "line 21: initial_state gives ()"),
    ("reads step", "", ""),
    ("zeros\n\ngraph", "zeros\nreads step\n\ngraph", "line 13: inner_loss has 3 inputs, but"),
    ("multiply %0, %2 :", "multiply %0, %1 :", "line 12: inner_loss: multiply cannot take"),
    ("multiply %0, %2 :", "multiply %0, %9 :", "line 12: inner_loss: %9 is read before"),
    ("multiply %0, %2 :", "multiply %0 %2 :", "line 16: expected ':', found '%'"),
    ("loss_multiply @loss", "a+b @loss", "line 12: inner_loss has a value \"a+b\""),
    ("tiny.py:3:5", "tiny.py\\\\:3:5", "line 12: inner_loss has a text with control characters"),
    ("%4 = gather", "%4 = gathre", "line 46: expected '{', found '%'"),
  ]

  @Test("what is wrong is said with its line", arguments: faults.indices)
  func fault(index: Int) {
    let fault = Self.faults[index]
    let text = Self.text.replacing(fault.old, with: fault.new)
    guard !fault.error.isEmpty else {
      #expect(throws: Never.self) { try ProblemFile(parsing: text) }
      return
    }
    let error = #expect(throws: GraphParseError.self) { try ProblemFile(parsing: text) }
    #expect(error?.description.contains(fault.error) == true, "\(String(describing: error))")
  }

  @Test("a text that ends anywhere is refused")
  func cut() {
    let bytes = Array(Self.text.utf8)
    for end in 0..<(bytes.count - 2) {
      #expect(throws: GraphParseError.self) {
        try ProblemFile(parsing: String(decoding: bytes[..<end], as: UTF8.self))
      }
    }
  }

  @Test("numbers at the ends of what 64 bits hold are refused or taken, and crash nothing")
  func extremes() {
    let numbers = ["-9223372036854775808", "9223372036854775807", "-1", "4611686018427387904"]
    let words = Self.text.split(separator: /\b/, omittingEmptySubsequences: false)
    for (index, word) in words.enumerated() where Int(word) != nil {
      for number in numbers {
        var changed = words
        changed[index] = number[...]
        _ = try? ProblemFile(parsing: changed.joined())
      }
    }
  }

  @Test("regions in regions end at a hundred")
  func deepRegions() {
    let opening = "%0 = gradient{wrt [0]} %0 : f32[] body \"b\" { "
    let text = Self.text.replacing(
      "input %0 \"theta.w\"", with: String(repeating: opening, count: 100_000))
    let error = #expect(throws: GraphParseError.self) { try ProblemFile(parsing: text) }
    #expect(error?.message == "more than 100 regions stand in each other here")
  }
}
