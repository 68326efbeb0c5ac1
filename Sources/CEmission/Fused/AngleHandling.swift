// SPDX-License-Identifier: Apache-2.0
//
// Sines and cosines of any number at the speed of those of small ones. The helpers that run in vector
// lanes reduce their argument in a few multiplications, which is exact enough below 2^22 in f32 and
// 2^50 in f64. Beyond, hundreds of bits of 2/pi are needed and a helper that no compiler puts into
// lanes. Lanes cannot branch, but a kernel can: it is written twice, and collects on the way whether
// an angle was too large.
//
//     static void k3(const float *restrict p0, float *restrict p1, int64_t begin, int64_t end) {
//       if (k3_near(p0, p1, begin, end) == 0) {
//         return;
//       }
//       for (int64_t unit = begin; unit < end; ++unit) {
//         if (k3_near(p0, p1, unit, unit + 1) != 0) {
//           k3_far(p0, p1, unit, unit + 1);
//         }
//       }
//     }
//
// Unit by unit, because the two functions may round differently, and what a unit gets must not depend
// on which others the same thread has. A kernel that reads what it writes cannot be run again. There a third function looks at the angles
// first; whatever else it computes is unread, and the compiler removes it.

import Kernels
import Scheduling
import TensorIR

/// One way to write a kernel.
enum AngleHandling {
  /// It has no sines or cosines.
  case none
  /// Angles are taken as small; the function says whether they were.
  case near
  /// Angles are taken as small, which was found out before.
  case plain
  /// Angles may be as large as they like.
  case far
  /// Nothing is written; the function says whether all angles are small.
  case judged

  /// The ways in which a kernel is to be written.
  static func needed(by kernel: FusedKernel, isEpilogue: Bool) -> [AngleHandling] {
    guard kernel.statements.contains(where: { !$0.angles.isEmpty }) else { return [.none] }
    // An epilogue may write to where the sums grew, under another name.
    if isEpilogue || !kernel.canRunAgain { return [.judged, .plain, .far] }
    return [.near, .far]
  }

  /// Ends the name of the function, and that of the helpers.
  var suffix: String { self == .far ? "_far" : "" }

  var areJudged: Bool { self == .near || self == .judged }

  var areResultsWritten: Bool { self != .judged }

  private func functionName(_ name: String) -> String {
    switch self {
    case .none: name
    case .near, .plain: "\(name)_near"
    case .far: "\(name)_far"
    case .judged: "\(name)_has_far_angles"
    }
  }

  /// Writes the function of this way.
  ///
  /// - Parameter flag: the C type in which it is collected whether angles are large: as wide as they
  ///   are, so that vector lanes can.
  func writeFunction(
    _ name: String, _ signature: [String], linkage: String, flag: String, to writer: inout CWriter,
    _ body: (inout CWriter) -> Void
  ) {
    let result = areJudged ? flag : "void"
    if self == .judged {
      writer.line("#pragma GCC diagnostic push")
      writer.line("#pragma GCC diagnostic ignored \"-Wunused\"")
      writer.line("#pragma GCC diagnostic ignored \"-Wunused-parameter\"")
    }
    writer.function("\(linkage) \(result) \(functionName(name))", signature) { writer in
      if areJudged { writer.line("\(flag) far = 0;") }
      body(&writer)
      if areJudged { writer.line("return far;") }
    }
    if self == .judged { writer.line("#pragma GCC diagnostic pop") }
  }

  /// Writes a loop over lanes; the helpers of large angles are not for vectors.
  func vectorLoop(
    _ variable: String, below end: Int, _ lanes: LaneLoop, to writer: inout CWriter,
    _ body: (inout CWriter) -> Void
  ) {
    if self == .far {
      writer.loop(variable, below: "\(end)", body)
    } else {
      writer.vectorLoop(variable, below: end, width: lanes.width, body)
    }
  }

  /// Writes the function `name` itself, if there are several ways.
  ///
  /// - Parameter units: the parameters between which the units lie that are shared out over threads,
  ///   if there are such.
  static func writeChoice(
    _ handlings: [AngleHandling], _ name: String, _ signature: [String], linkage: String,
    units: (first: String, last: String)?, to writer: inout CWriter
  ) {
    guard handlings.count > 1 else { return }
    let judge = handlings[0]
    func call(_ handling: AngleHandling, isUnit: Bool = false) -> String {
      let arguments = signature.compactMap { parameter in
        parameter.split(whereSeparator: { " *".contains($0) }).last.map(String.init)
      }
      let own = arguments.map {
        isUnit && $0 == units?.first ? "unit" : isUnit && $0 == units?.last ? "unit + 1" : $0
      }
      return "\(handling.functionName(name))(\(own.joined(separator: ", ")))"
    }
    func choice(isUnit: Bool, to writer: inout CWriter) {
      writer.when("\(call(judge, isUnit: isUnit)) != 0") {
        $0.line("\(call(.far, isUnit: isUnit));")
        if judge == .judged { $0.line(isUnit ? "continue;" : "return;") }
      }
      if judge == .judged { writer.line("\(call(.plain, isUnit: isUnit));") }
    }
    writer.function("\(linkage) void \(name)", signature) { writer in
      guard let units else { return choice(isUnit: false, to: &writer) }
      writer.when("\(call(judge)) == 0") {
        if judge == .judged { $0.line("\(call(.plain));") }
        $0.line("return;")
      }
      writer.loop("unit", from: units.first, below: units.last) { choice(isUnit: true, to: &$0) }
    }
  }
}

extension ScalarExpression {
  /// The scalar whose sine or cosine this is.
  var angle: Int? {
    switch self {
    case .apply(.unary(.sin), let operands), .apply(.unary(.cos), let operands): operands[0]
    case .apply, .constant, .index, .stepIndex, .load, .loadLocal, .position: nil
    }
  }
}

extension Statement {
  /// The scalars whose sines and cosines are taken.
  fileprivate var angles: [Int] {
    switch self {
    case .loop(_, _, let body), .blocks(_, _, _, let body): body.flatMap(\.angles)
    case .define(_, let expression): expression.angle.map { [$0] } ?? []
    case .store, .storeLocal, .accumulator, .accumulate, .accumulateInMemory: []
    }
  }

  /// The parameters that are read and written, in this statement and those inside it.
  fileprivate var parameters: (read: Set<Int>, written: Set<Int>) {
    switch self {
    case .loop(_, _, let body), .blocks(_, _, _, let body):
      body.map(\.parameters).reduce(into: (read: [], written: [])) {
        $0.read.formUnion($1.read)
        $0.written.formUnion($1.written)
      }
    case .define(_, .load(let parameter, _)): ([parameter], [])
    case .define(_, .position(_, _, _, _, let faults)): ([faults], [faults])
    case .store(let parameter, _, _): ([], [parameter])
    case .accumulateInMemory(let parameter, _, _, _): ([parameter], [parameter])
    case .define, .storeLocal, .accumulator, .accumulate: ([], [])
    }
  }
}

extension FusedKernel {
  /// The C type that is as wide as the widest angle.
  var angleFlag: String {
    statements.flatMap(\.angles).contains { scalars[$0] == .f64 } ? "uint64_t" : "uint32_t"
  }

  /// Whether a second run computes the same as the first: no array is both read and written.
  fileprivate var canRunAgain: Bool {
    statements.allSatisfy { statement in
      let parameters = statement.parameters
      return parameters.read.isDisjoint(with: written)
    }
  }

  private var written: Set<Int> {
    statements.reduce(into: []) { $0.formUnion($1.parameters.written) }
  }
}
