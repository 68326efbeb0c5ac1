// SPDX-License-Identifier: Apache-2.0
//
// Prints a fused kernel as a C function: its loop nest, one line for each scalar that is read more
// than once. Nothing is decided here but what stands in a line (`KernelWords.swift`); the nest, its
// order and its scalars come from the scheduler.

import Kernels
import Scheduling
import TensorIR

extension FusedKernel {
  /// Writes the function `name`.
  ///
  /// Parameters: the arrays and step indices, called as in the kernel's first call, and if it can be
  /// split `begin, end`, the range of its outermost independent loop.
  func text(
    named name: String, parameters: [Parameter], called names: KernelArguments,
    scalarNames: [String]
  ) -> KernelText {
    let words = KernelWords(self, names: names, scalarNames: scalarNames)
    var printer = FusedKernelPrinter(kernel: self, parameters: parameters, words: words)
    return printer.print(named: name)
  }
}

extension ContractionEpilogue {
  /// Writes the function `name`: of the arrays, the first of which is C, for the rows
  /// `row_first ..< row_last` and the columns `column_first ..< column_last`.
  func text(named name: String, called names: KernelArguments) -> KernelText {
    let words = KernelWords(kernel, names: names, scalarNames: scalarNames.value)
    var printer = FusedKernelPrinter(kernel: kernel, parameters: parameters, words: words)
    printer.bounds = [0: ("row_first", "row_last"), 1: ("column_first", "column_last")]
    return printer.print(named: name)
  }
}

private struct FusedKernelPrinter {
  let kernel: FusedKernel
  let parameters: [Parameter]
  let words: KernelWords
  /// The expressions of scalars that are not defined by a line of their own.
  private var phrases: [Int: Phrase] = [:]
  private static let noUnrolling = "MF_ROLLED"
  /// A longer expression gets a line of its own.
  private static let longestPhrase = 64
  /// Loops over a part of their extent, the parameters first and last.
  var bounds: KeyValuePairs<Int, (first: String, last: String)> = [:]
  private var spelling = ScalarSpelling()
  /// Whether what is being printed is inside the loop that is done in whole vectors.
  private var isInLanes = false
  /// Loops of which one block at a time is done, with its first iteration and its end.
  private var blocks: [Int: (first: String, end: String)] = [:]
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

  init(kernel: FusedKernel, parameters: [Parameter], words: KernelWords) {
    self.kernel = kernel
    self.parameters = parameters
    self.words = words
    orderedMaxima = OrderedMaxima(in: kernel)
    laneSums =
      kernel.lanes.map {
        Self.laneSums(in: kernel.statements, lane: $0.variable, part: kernel.cut?.part)
      } ?? []
  }

  mutating func print(named name: String) -> KernelText {
    var signature = parameters.enumerated().map { index, parameter in
      "\(parameter.isWritten ? "" : "const ")\(parameter.dtype.cName) *restrict \(words.parameters[index])"
    }
    signature += words.indices.map { "int64_t \($0)" }
    if kernel.splitVariable != nil { signature += ["int64_t begin", "int64_t end"] }
    for (_, range) in bounds { signature += ["int64_t \(range.first)", "int64_t \(range.last)"] }
    var writer = CWriter()
    let linkage = bounds.isEmpty ? "MF_KERNEL static" : "static inline"
    let handlings = AngleHandling.needed(by: kernel, isEpilogue: !bounds.isEmpty)
    for handling in handlings {
      angles = handling
      spelling.angles = handling
      phrases = [:]
      writeFunction(name, signature, linkage: linkage, to: &writer)
    }
    AngleHandling.writeChoice(
      handlings, name, signature, linkage: linkage, units: units, to: &writer)
    return KernelText(
      text: writer.text,
      requiredHelpers: spelling.requiredHelpers.union(orderedMaxima.requiredHelpers))
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
        writer.line(
          "\(local.dtype.cName) \(words.locals[number])[\(local.elementCount + padding)];")
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
      guard !isInLanes, statement.isLoop else { continue }
      // What this loop reduced in lanes and was declared beside it is now complete.
      for case .accumulator(let scalar, _) in statements[..<position] {
        guard let reduction = statement.reduction(into: scalar) else { continue }
        if kernel.lanes != nil {
          joinLanes(scalar, reduction, to: &writer)
        } else if orderedMaxima.contains(scalar) {
          writer.line(orderedMaxima.result(scalar, words.scalar(scalar)))
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
    case .blocks(let variable, let extent, let size, let body):
      writeBlocks(variable, extent, size, body, to: &writer)
    case .define(let scalar, let expression):
      let type = kernel.scalars[scalar]
      let phrase = spell(expression, type)
      if words.inlinable.contains(scalar), phrase.text.count <= Self.longestPhrase {
        phrases[scalar] = phrase
      } else {
        writer.line("const \(type.cName) \(words.scalar(scalar)) = \(phrase.text);")
      }
      if angles.areJudged, let angle = expression.angle {
        let isFar = spelling.isFarAngle(text(of: angle), kernel.scalars[angle])
        writer.line("far |= \(isInLanes ? "is_inside & " : "")\(isFar);")
      }
    case .store where !angles.areResultsWritten: break
    case .accumulateInMemory where !angles.areResultsWritten: break
    case .store(let parameter, let index, let scalar):
      writeInBounds("\(element(parameter, index)) = \(text(of: scalar));", to: &writer)
    case .storeLocal(let local, let index, let scalar):
      writer.line("\(words.locals[local])[\(text(of: index))] = \(text(of: scalar));")
    case .accumulator(let scalar, let initial):
      let type = kernel.scalars[scalar]
      if kernel.lanes != nil {
        declareLanes(lanes(of: scalar), type, initial, to: &writer)
      } else if orderedMaxima.contains(scalar) {
        writer.line(orderedMaxima.declaration(scalar, words.scalar(scalar), initial: initial))
      } else {
        writer.line("\(type.cName) \(words.scalar(scalar)) = \(type.literal(initial));")
      }
    case .accumulate(let scalar, let reduction, let value):
      writeAccumulation(into: scalar, reduction, value, to: &writer)
    case .accumulateInMemory(let parameter, let index, let reduction, let value):
      let sum = LaneSum(parameter: parameter, index: index, reduction: reduction, value: value)
      if let number = laneSums.firstIndex(of: sum) {
        let place = "m\(number)[\(laneName)]"
        writer.line("\(place) = \(combine(reduction, place, text(of: value), value));")
      } else {
        let place = element(parameter, index)
        writeInBounds(
          "\(place) = \(combine(reduction, place, text(of: value), value));", to: &writer)
      }
    }
  }

  private mutating func writeLoop(
    _ variable: Int, _ extent: Int, _ body: [Statement], to writer: inout CWriter
  ) {
    let (first, end) = range(of: variable, extent)
    // Unrolled around inner loops, small loops become straight lines of loops whose accesses LLVM
    // compares pair by pair: minutes for a few max-pools.
    let isDeep = kernel.lanes == nil && kernel.statements.nestDepth >= 3
    if isDeep, body.nestDepth >= 1, variable != kernel.splitVariable {
      writer.line(Self.noUnrolling)
    }
    writer.loop("i\(variable)", from: first, below: end) { writer in
      if variable == kernel.cut?.part {
        writeAroundLaneSums(to: &writer) { $0.write(body, to: &$1) }
      } else {
        write(body, to: &writer)
      }
    }
  }

  /// The first iteration and the end of a loop, where it stands.
  private func range(of variable: Int, _ extent: Int) -> (first: String, end: String) {
    if let block = blocks[variable] { return block }
    if variable == kernel.splitVariable { return ("begin", "end") }
    if let bound = bounds.first(where: { $0.key == variable }) {
      return (bound.value.first, bound.value.last)
    }
    guard let cut = kernel.cut, variable == cut.variable else { return ("0", "\(extent)") }
    return (
      "i\(cut.part) * \(extent) / \(cut.count)", "(i\(cut.part) + 1) * \(extent) / \(cut.count)"
    )
  }

  private mutating func writeBlocks(
    _ variable: Int, _ extent: Int, _ size: Int, _ body: [Statement], to writer: inout CWriter
  ) {
    let (first, end) = range(of: variable, extent)
    let (start, next) = ("b\(variable)", "e\(variable)")
    let isEven = end == "\(extent)" && extent % size == 0
    writer.blockLoop(start, from: first, below: end, size: size) { writer in
      let whole = "\(start) + \(size)"
      writer.line(
        "const int64_t \(next) = \(isEven ? whole : "\(whole) < \(end) ? \(whole) : \(end)");")
      blocks[variable] = (start, next)
      write(body, to: &writer)
      blocks[variable] = nil
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
      case .sum:
        let term = b.contains(" ") ? "(\(b))" : b
        return "(int32_t)((uint32_t)\(a) + (uint32_t)\(term))"
      case .maximum: return "\(a) > \(b) ? \(a) : \(b)"
      }
    }
    return spelling.combine(reduction, a, b, type)
  }

  private mutating func spell(_ expression: ScalarExpression, _ type: DType) -> Phrase {
    switch expression {
    case .constant(let value): return Phrase(type.literal(value), value < 0 ? .unary : .atom)
    case .index(let index): return Phrase("(int32_t)(\(text(of: index)))", .unary)
    case .stepIndex(let number): return Phrase("(int32_t)\(words.indices[number])", .unary)
    case .load(let parameter, let index):
      let place = Phrase(element(parameter, index))
      return isInLanes && dependsOnLane(index)
        ? .conditional(Phrase("is_inside"), place, Phrase("0")) : place
    case .loadLocal(let local, let index):
      return Phrase("\(words.locals[local])[\(text(of: index))]")
    case .position(let scalar, let limit, let check, let place, let faults):
      return Phrase(
        spelling.position(
          text(of: scalar), limit: limit, check: check, place: text(of: place),
          faults: words.parameters[faults]))
    case .apply(let op, let operands):
      return spelling.expression(
        op, operands.map(phrase), operands.map { kernel.scalars[$0] }, result: type)
    }
  }

  private func phrase(_ scalar: Int) -> Phrase { phrases[scalar] ?? Phrase(words.scalar(scalar)) }

  private func text(of scalar: Int) -> String { phrase(scalar).text }

  private func element(_ parameter: Int, _ index: ElementIndex) -> String {
    "\(words.parameters[parameter])[\(text(of: index))]"
  }

  private func text(of index: ElementIndex) -> String {
    func product(_ name: String, _ stride: Int) -> String {
      stride == 1 ? name : "\(name) * \(stride)"
    }
    var terms = index.lookups.map { product("(int64_t)\(text(of: $0.variable))", $0.stride) }
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
      if body.contains(where: needsExtent) {
        writer.line("const _Bool is_inside = \(laneName) < \(lanes.extent);")
      }
      isInLanes = true
      write(body, to: &writer)
      isInLanes = false
    }
  }

  /// Whether a statement of the lane loop does something else in lanes beyond the extent.
  private func needsExtent(_ statement: Statement) -> Bool {
    switch statement {
    case .define(_, .load(_, let index)): dependsOnLane(index)
    case .define(_, let expression): angles.areJudged && expression.angle != nil
    case .accumulateInMemory(let parameter, let index, let reduction, let value):
      !laneSums.contains(
        LaneSum(parameter: parameter, index: index, reduction: reduction, value: value))
    case .store, .accumulate: true
    case .storeLocal, .accumulator, .loop, .blocks: false
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
      return orderedMaxima.accumulation(
        into: scalar, words.scalar(scalar), value: text(of: value), to: &writer)
    }
    guard isInLanes else {
      let sum = combine(reduction, words.scalar(scalar), text(of: value), value)
      return writer.line("\(words.scalar(scalar)) = \(sum);")
    }
    let type = kernel.scalars[scalar]
    let neutral = type.literal(reduction.neutralElement(of: type))
    let term = "\(words.scalar(scalar))_term"
    writer.line(
      "const \(type.cName) \(term) = is_inside ? \(phrase(value).operand(.equality)) : \(neutral);")
    let place = "\(lanes(of: scalar))[\(laneName)]"
    writer.line("\(place) = \(combine(reduction, place, term, value));")
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
        let name = self.lanes(of: scalar)
        let sum = combine(reduction, "\(name)[l]", "\(name)[\(start) + l]", scalar)
        writer.line("\(name)[l] = \(sum);")
      }
    }
    let sum = spelling.combineLanes(reduction, self.lanes(of: scalar), type, count: lanes.width)
    writer.line("const \(type.cName) \(words.scalar(scalar)) = \(sum);")
  }

  /// The array of an accumulator's lanes.
  private func lanes(of scalar: Int) -> String { "\(words.scalar(scalar))_lanes" }

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
      case .loop(_, _, let body), .blocks(_, _, _, let body):
        return laneSums(in: body, lane: lane, part: part)
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

extension [Statement] {
  /// How many loops stand one inside the other.
  fileprivate var nestDepth: Int {
    lazy.map { statement in
      switch statement {
      case .loop(_, _, let body), .blocks(_, _, _, let body): 1 + body.nestDepth
      case .define, .store, .storeLocal, .accumulator, .accumulate, .accumulateInMemory: 0
      }
    }.max() ?? 0
  }
}

extension Statement {
  /// Whether it is a loop, over iterations or over blocks of them.
  fileprivate var isLoop: Bool {
    switch self {
    case .loop, .blocks: true
    case .define, .store, .storeLocal, .accumulator, .accumulate, .accumulateInMemory: false
    }
  }

  /// How the statement, or one inside it, changes an accumulator; `nil` if none does.
  fileprivate func reduction(into scalar: Int) -> Reduction? {
    switch self {
    case .loop(_, _, let body), .blocks(_, _, _, let body):
      body.lazy.compactMap { $0.reduction(into: scalar) }.first
    case .accumulate(scalar, let reduction, _): reduction
    case .define, .store, .storeLocal, .accumulator, .accumulate, .accumulateInMemory: nil
    }
  }
}
