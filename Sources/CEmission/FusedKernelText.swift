// SPDX-License-Identifier: Apache-2.0
//
// Prints a fused kernel as a C function: its loop nest, one scalar definition a line. Nothing is
// decided here; the nest, its order and its scalars come from the scheduler.

import Scheduling
import TensorIR

/// The C of one kernel, whichever its kind.
struct KernelText {
  /// Complete function definitions, the kernel's own last.
  var text: String
  var requiredHelpers: Set<String>
  /// Units that the kernel's trailing parameters `begin` and `end` range over; `nil` if it has none.
  var splitCount: Int?
}

extension FusedKernel {
  /// Writes the function `name`.
  ///
  /// Parameters: the arrays `p0, p1, ...`, step indices `n0, ...`, and if it can be split
  /// `begin, end`, the range of its outermost independent loop.
  func text(named name: String, parameters: [Parameter]) -> KernelText {
    var printer = FusedKernelPrinter(kernel: self, parameters: parameters)
    return printer.print(named: name)
  }
}

extension ContractionEpilogue {
  /// Writes the function `name`: of the arrays `p0, p1, ...`, the first of which is C, for the rows
  /// `row_first ..< row_last` and the columns `column_first ..< column_last`.
  func text(named name: String) -> KernelText {
    var printer = FusedKernelPrinter(kernel: kernel, parameters: parameters)
    printer.bounds = [0: ("row_first", "row_last"), 1: ("column_first", "column_last")]
    return printer.print(named: name)
  }
}

private struct FusedKernelPrinter {
  let kernel: FusedKernel
  let parameters: [Parameter]
  /// Loops over a part of their extent, the parameters first and last.
  var bounds: KeyValuePairs<Int, (first: String, last: String)> = [:]
  private var spelling = ScalarSpelling()
  /// Whether what is being printed is inside the loop that is done in whole vectors.
  private var isInLanes = false
  /// Reductions over memory whose place depends on the lane alone: each has an array of its own.
  private let laneSums: [LaneSum]
  private let orderedMaxima: OrderedMaxima
  /// What is done about angles too large for the sines and cosines of vector lanes.
  private var angles = AngleHandling.none

  /// `memory[index] (+ or max)= scalar`, where `index` depends on the lane alone, and on the part.
  private struct LaneSum: Hashable {
    var parameter: Int
    var index: ElementIndex
    var reduction: Reduction
    var value: Int
  }

  init(kernel: FusedKernel, parameters: [Parameter]) {
    self.kernel = kernel
    self.parameters = parameters
    orderedMaxima = OrderedMaxima(in: kernel)
    laneSums =
      kernel.lanes.map {
        Self.laneSums(in: kernel.statements, lane: $0.variable, part: kernel.cut?.part)
      } ?? []
  }

  mutating func print(named name: String) -> KernelText {
    var signature = parameters.enumerated().map { index, parameter in
      "\(parameter.isWritten ? "" : "const ")\(parameter.dtype.cName) *restrict p\(index)"
    }
    signature += (0..<kernel.indexParameterCount).map { "int64_t n\($0)" }
    if kernel.splitVariable != nil { signature += ["int64_t begin", "int64_t end"] }
    for (_, range) in bounds { signature += ["int64_t \(range.first)", "int64_t \(range.last)"] }
    var writer = CWriter()
    let linkage = bounds.isEmpty ? "MF_KERNEL static" : "static inline"
    let handlings = AngleHandling.needed(by: kernel, isEpilogue: !bounds.isEmpty)
    for handling in handlings {
      angles = handling
      spelling.angles = handling
      writeFunction(name, signature, linkage: linkage, to: &writer)
    }
    AngleHandling.writeChoice(
      handlings, name, signature, linkage: linkage, units: units, to: &writer)
    return KernelText(
      text: writer.text,
      requiredHelpers: spelling.requiredHelpers.union(orderedMaxima.requiredHelpers),
      splitCount: kernel.splitVariable == nil ? nil : kernel.splitExtent)
  }

  /// The parameters between which the units lie that are shared out over threads.
  private var units: (first: String, last: String)? {
    bounds.first?.value ?? (kernel.splitVariable == nil ? nil : ("begin", "end"))
  }

  private mutating func writeFunction(
    _ name: String, _ signature: [String], linkage: String, to writer: inout CWriter
  ) {
    let flag = kernel.angleFlag
    angles.writeFunction(name, signature, linkage: linkage, flag: flag, to: &writer) { writer in
      for (number, local) in kernel.locals.enumerated() {
        writer.line("\(local.dtype.cName) r\(number)[\(local.elementCount + padding)];")
      }
      if kernel.cut == nil {
        writeAroundLaneSums(to: &writer) { $0.write($0.kernel.statements, to: &$1) }
      } else {
        write(kernel.statements, to: &writer)
      }
    }
  }

  private mutating func write(_ statements: [Statement], to writer: inout CWriter) {
    for (position, statement) in statements.enumerated() {
      write(statement, to: &writer)
      guard !isInLanes, case .loop = statement else { continue }
      // What this loop reduced in lanes and was declared beside it is now complete.
      for case .accumulator(let scalar, _) in statements[..<position] {
        guard let reduction = statement.reduction(into: scalar) else { continue }
        if kernel.lanes != nil {
          joinLanes(scalar, reduction, to: &writer)
        } else if orderedMaxima.contains(scalar) {
          writer.line(orderedMaxima.result(scalar))
        }
      }
    }
  }

  private mutating func write(_ statement: Statement, to writer: inout CWriter) {
    switch statement {
    case .loop(let variable, let extent, let body):
      if let lanes = kernel.lanes, lanes.variable == variable {
        return writeLaneLoop(lanes, body, to: &writer)
      }
      writeLoop(variable, extent, body, to: &writer)
    case .define(let scalar, let expression):
      let type = kernel.scalars[scalar]
      writer.line("const \(type.cName) s\(scalar) = \(spell(expression, type));")
      if angles.areJudged, let angle = expression.angle {
        let isFar = spelling.isFarAngle("s\(angle)", kernel.scalars[angle])
        writer.line("far |= \(isInLanes ? "is_inside & " : "")\(isFar);")
      }
    case .store where !angles.areResultsWritten: break
    case .accumulateInMemory where !angles.areResultsWritten: break
    case .store(let parameter, let index, let scalar):
      writeInBounds("\(element(parameter, index)) = s\(scalar);", to: &writer)
    case .storeLocal(let local, let index, let scalar):
      writer.line("r\(local)[\(text(of: index))] = s\(scalar);")
    case .accumulator(let scalar, let initial):
      let type = kernel.scalars[scalar]
      if kernel.lanes != nil {
        declareLanes("a\(scalar)", type, initial, to: &writer)
      } else if orderedMaxima.contains(scalar) {
        writer.line(orderedMaxima.declaration(scalar, initial: initial))
      } else {
        writer.line("\(type.cName) s\(scalar) = \(type.literal(initial));")
      }
    case .accumulate(let scalar, let reduction, let value):
      writeAccumulation(into: scalar, reduction, value, to: &writer)
    case .accumulateInMemory(let parameter, let index, let reduction, let value):
      let sum = LaneSum(parameter: parameter, index: index, reduction: reduction, value: value)
      if let number = laneSums.firstIndex(of: sum) {
        let place = "m\(number)[\(laneName)]"
        writer.line("\(place) = \(combine(reduction, place, "s\(value)", value));")
      } else {
        let place = element(parameter, index)
        writeInBounds("\(place) = \(combine(reduction, place, "s\(value)", value));", to: &writer)
      }
    }
  }

  private mutating func writeLoop(
    _ variable: Int, _ extent: Int, _ body: [Statement], to writer: inout CWriter
  ) {
    var (first, end) = ("0", "\(extent)")
    if variable == kernel.splitVariable { (first, end) = ("begin", "end") }
    if let bound = bounds.first(where: { $0.key == variable }) { (first, end) = bound.value }
    if let cut = kernel.cut, variable == cut.variable {
      first = "i\(cut.part) * \(extent) / \(cut.count)"
      end = "(i\(cut.part) + 1) * \(extent) / \(cut.count)"
    }
    writer.loop("i\(variable)", from: first, below: end) { writer in
      if variable == kernel.cut?.part {
        writeAroundLaneSums(to: &writer) { $0.write(body, to: &$1) }
      } else {
        write(body, to: &writer)
      }
    }
  }

  /// A reduction's combination may be reassociated, so that it runs in vector lanes; the order is
  /// fixed when the library is compiled.
  private mutating func combine(
    _ reduction: Reduction, _ a: String, _ b: String, _ value: Int
  ) -> String {
    let type = kernel.scalars[value]
    if type == .i32 {
      switch reduction {
      case .sum: return "\(a) + \(b)"
      case .maximum: return "\(a) > \(b) ? \(a) : \(b)"
      }
    }
    return spelling.combine(reduction, a, b, type)
  }

  private mutating func spell(_ expression: ScalarExpression, _ type: DType) -> String {
    switch expression {
    case .constant(let value): return type.literal(value)
    case .index(let index): return "(int32_t)(\(text(of: index)))"
    case .stepIndex(let number): return "(int32_t)n\(number)"
    case .load(let parameter, let index):
      let place = element(parameter, index)
      return isInLanes && dependsOnLane(index) ? "is_inside ? \(place) : 0" : place
    case .loadLocal(let local, let index): return "r\(local)[\(text(of: index))]"
    case .apply(let op, let operands):
      return spelling.expression(
        op, operands.map { "s\($0)" }, operands.map { kernel.scalars[$0] }, result: type)
    }
  }

  private func element(_ parameter: Int, _ index: ElementIndex) -> String {
    "p\(parameter)[\(text(of: index))]"
  }

  private func text(of index: ElementIndex) -> String {
    func product(_ name: String, _ stride: Int) -> String {
      stride == 1 ? name : "\(name) * \(stride)"
    }
    var terms = index.lookups.map { product("(int64_t)s\($0.variable)", $0.stride) }
    terms += index.terms.map { product("i\($0.variable)", $0.stride) }
    if index.offset != 0 || terms.isEmpty { terms.append("\(index.offset)") }
    return terms.joined(separator: " + ")
  }
}

// MARK: Loops in whole vectors

extension FusedKernelPrinter {
  /// Lanes beyond the extent of the lane loop.
  private var padding: Int { kernel.lanes.map { $0.paddedExtent - $0.extent } ?? 0 }

  private var laneName: String { "i\(kernel.lanes?.variable ?? 0)" }

  private mutating func writeLaneLoop(
    _ lanes: LaneLoop, _ body: [Statement], to writer: inout CWriter
  ) {
    angles.vectorLoop(laneName, below: lanes.paddedExtent, lanes, to: &writer) { writer in
      isInLanes = true
      var text = CWriter()
      write(body, to: &text)
      // A loop over locals alone, whose padding harms nobody, does not ask.
      if text.text.contains("is_inside") {
        writer.line("const _Bool is_inside = \(laneName) < \(lanes.extent);")
      }
      write(body, to: &writer)
      isInLanes = false
    }
  }

  /// A statement that touches memory: only for lanes inside of the extent.
  private func writeInBounds(_ statement: String, to writer: inout CWriter) {
    if isInLanes {
      writer.when("is_inside") { $0.line(statement) }
    } else {
      writer.line(statement)
    }
  }

  private func declareLanes(
    _ name: String, _ type: DType, _ initial: Double, to writer: inout CWriter
  ) {
    guard let lanes = kernel.lanes else { return }
    writer.line("\(type.cName) \(name)[\(lanes.paddedExtent)];")
    angles.vectorLoop("l", below: lanes.paddedExtent, lanes, to: &writer) {
      $0.line("\(name)[l] = \(type.literal(initial));")
    }
  }

  private mutating func writeAccumulation(
    into scalar: Int, _ reduction: Reduction, _ value: Int, to writer: inout CWriter
  ) {
    if orderedMaxima.contains(scalar) {
      return orderedMaxima.accumulation(into: scalar, value: value, to: &writer)
    }
    guard isInLanes else {
      let sum = combine(reduction, "s\(scalar)", "s\(value)", value)
      return writer.line("s\(scalar) = \(sum);")
    }
    let type = kernel.scalars[scalar]
    let neutral = type.literal(reduction.neutralElement(of: type))
    writer.line("const \(type.cName) t\(scalar) = is_inside ? s\(value) : \(neutral);")
    let place = "a\(scalar)[\(laneName)]"
    writer.line("\(place) = \(combine(reduction, place, "t\(scalar)", value));")
  }

  private func dependsOnLane(_ index: ElementIndex) -> Bool {
    // A looked-up row may be a lane's own.
    !index.lookups.isEmpty || index.terms.contains { $0.variable == kernel.lanes?.variable }
  }

  /// One number from the lanes of an accumulator.
  private mutating func joinLanes(
    _ scalar: Int, _ reduction: Reduction, to writer: inout CWriter
  ) {
    guard let lanes = kernel.lanes else { return }
    let type = kernel.scalars[scalar]
    for start in stride(from: lanes.width, to: lanes.paddedExtent, by: lanes.width) {
      angles.vectorLoop("l", below: lanes.width, lanes, to: &writer) { writer in
        let sum = combine(reduction, "a\(scalar)[l]", "a\(scalar)[\(start) + l]", scalar)
        writer.line("a\(scalar)[l] = \(sum);")
      }
    }
    let sum = spelling.combineLanes(reduction, "a\(scalar)", type, count: lanes.width)
    writer.line("const \(type.cName) s\(scalar) = \(sum);")
  }

  /// What `body` writes between the declaration of the sums in lanes and the end of them.
  private mutating func writeAroundLaneSums(
    to writer: inout CWriter, _ body: (inout Self, inout CWriter) -> Void
  ) {
    guard angles.areResultsWritten else { return body(&self, &writer) }
    for (number, sum) in laneSums.enumerated() {
      let type = kernel.scalars[sum.value]
      declareLanes("m\(number)", type, sum.reduction.neutralElement(of: type), to: &writer)
    }
    body(&self, &writer)
    for number in laneSums.indices { writeLaneSum(number, to: &writer) }
  }

  private mutating func writeLaneSum(_ number: Int, to writer: inout CWriter) {
    guard let lanes = kernel.lanes else { return }
    let sum = laneSums[number]
    let place = element(sum.parameter, sum.index)
    writer.loop(laneName, from: "0", below: "\(lanes.extent)") { writer in
      let total = combine(sum.reduction, place, "m\(number)[\(laneName)]", sum.value)
      writer.line("\(place) = \(total);")
    }
  }

  private static func laneSums(
    in statements: [Statement], lane: Int, part: Int?
  ) -> [LaneSum] {
    statements.flatMap { statement -> [LaneSum] in
      switch statement {
      case .loop(_, _, let body): return laneSums(in: body, lane: lane, part: part)
      case .accumulateInMemory(let parameter, let index, let reduction, let value):
        guard index.lookups.isEmpty,
          index.terms.map(\.variable).filter({ $0 != part }) == [lane]
        else { return [] }
        return [
          LaneSum(parameter: parameter, index: index, reduction: reduction, value: value)
        ]
      case .define, .store, .storeLocal, .accumulator, .accumulate: return []
      }
    }
  }
}

extension Statement {
  /// How the statement, or one inside it, changes an accumulator; `nil` if none does.
  fileprivate func reduction(into scalar: Int) -> Reduction? {
    switch self {
    case .loop(_, _, let body): body.lazy.compactMap { $0.reduction(into: scalar) }.first
    case .accumulate(scalar, let reduction, _): reduction
    case .define, .store, .storeLocal, .accumulator, .accumulate, .accumulateInMemory: nil
    }
  }
}
