// SPDX-License-Identifier: Apache-2.0
//
// What the arrays and the loop counters of an entry point are called in C, and what is said above a
// call of a kernel.

import Kernels
import Scheduling
import TensorIR

/// The identifiers of one entry point.
struct ArrayWords {
  /// By number of the buffer.
  let arrays: [String]
  private let counters: [LoopVariable: String]

  init(_ program: Program) {
    var words = DistinctWords()
    arrays = program.buffers.map { words.add($0.name) }
    var counters: [LoopVariable: String] = [:]
    for variable in program.steps.flatMap(\.variables) where counters[variable] == nil {
      counters[variable] = words.add(variable.name.isEmpty ? "iteration" : variable.name)
    }
    self.counters = counters
  }

  func counter(_ variable: LoopVariable) -> String {
    guard let word = counters[variable] else {
      preconditionFailure("compiler bug: a loop counter without a loop")
    }
    return word
  }

  /// What a call passes to its kernel.
  func arguments(of call: KernelCall) -> KernelArguments {
    KernelArguments(
      arrays: call.arguments.map { arrays[$0.buffer] }, indices: call.indices.map(counter))
  }
}

extension Step {
  /// The counters of the loops in a step.
  fileprivate var variables: [LoopVariable] {
    switch self {
    case .call: []
    case .loop(let loop): [loop.variable] + loop.body.flatMap(\.variables)
    }
  }
}

extension CWriter {
  /// Equations above a call or a kernel; more than these say less.
  private static let mostEquations = 6
  /// Where the origin begins, and how long a comment's text may be.
  private static let (originColumn, width) = (58, 95)

  /// Writes what a call computes, and where in the spec it comes from: above a kernel, which later
  /// calls share, only if there is room.
  mutating func comments(on call: KernelCall, aboveKernel: Bool = false) {
    var lines: [String] = []
    for equation in call.kernel.equations.prefix(Self.mostEquations) {
      if let last = lines.last, last.count + equation.count <= Self.originColumn - 3 {
        lines[lines.count - 1] = "\(last), \(equation)"
      } else {
        lines.append(equation)
      }
    }
    if call.kernel.equations.count > Self.mostEquations {
      lines.append("and \(call.kernel.equations.count - Self.mostEquations) more")
    }
    let origin = call.provenance.origin
    // Behind the shortest line, where there is room.
    if let line = lines.indices.min(by: { lines[$0].count < lines[$1].count }), !origin.isEmpty {
      let room = Self.width - lines[line].count - origin.count
      let gap = min(max(Self.originColumn - lines[line].count, 3), room)
      if gap >= 2 {
        lines[line] += String(repeating: " ", count: gap) + origin
      } else if !aboveKernel {
        lines.append("  " + origin)
      }
    } else if !origin.isEmpty {
      lines.append(origin)
    }
    for line in lines { comment(line) }
  }
}

extension Provenance {
  /// `maml.mix:14:9, jvp of vjp of relu`, or what else is known.
  var origin: String {
    let kinds = derivatives.reversed().map { "\($0) of " }.joined()
    let what = kinds.isEmpty && !location.isEmpty ? "" : kinds + (function.isEmpty ? "" : function)
    let parts = [location, what].filter { !$0.isEmpty }
    return parts.joined(separator: ", ")
  }

  /// `["vjp", "jvp"]`: the derivatives that made the op, equal neighbours once.
  var derivatives: [String] {
    var result: [String] = []
    for rule in rules {
      let kind = String(rule.prefix { $0 != " " })
      if kind == "vjp" || kind == "jvp", result.last != kind { result.append(kind) }
    }
    return result
  }
}
