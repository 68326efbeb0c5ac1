// SPDX-License-Identifier: Apache-2.0
//
// What the C of a fused kernel calls things. Parameters are called like the arrays of the kernel's
// first call, scalars like the values of the spec that they hold an element of; a scalar that is read
// once is no word at all, its expression is written where it is read.

import Kernels
import Scheduling
import TensorIR

/// The identifiers of one kernel, all different.
struct KernelWords {
  let parameters: [String]
  /// Of the integer parameters.
  let indices: [String]
  let locals: [String]
  private let scalars: [String]
  /// Scalars whose expressions may be written where they are read.
  let inlinable: Set<Int>

  func scalar(_ number: Int) -> String { scalars[number] }

  /// - Parameters:
  ///   - names: of the arrays and indices of the first call; may repeat and be reserved.
  ///   - scalarNames: of the scalars as far as known.
  init(_ kernel: FusedKernel, names: KernelArguments, scalarNames: [String]) {
    var words = DistinctWords()
    parameters = names.arrays.map { words.add($0) }
    indices = names.indices.map { words.add($0) }
    var kept = [String](repeating: "", count: kernel.locals.count)
    kernel.statements.forEachNested { statement in
      if case .storeLocal(let local, _, let scalar) = statement, kept[local].isEmpty,
        scalar < scalarNames.count
      {
        kept[local] = scalarNames[scalar]
      }
    }
    locals = kept.map { words.add($0.isEmpty ? "kept" : $0 + "_kept") }
    inlinable = InliningAnalysis(kernel).inlinable
    let unnamed = kernel.scalars.indices.map { $0 < scalarNames.count ? scalarNames[$0] : "" }
    let inlinable = inlinable
    var accumulators: Set<Int> = []
    kernel.statements.forEachNested {
      if case .accumulator(let scalar, _) = $0 { accumulators.insert(scalar) }
    }
    scalars = unnamed.enumerated().map { number, name in
      // What is seldom written takes no name from what is.
      let base = name.isEmpty ? "value" : name
      let isTaken = words.contains(base)
      let word = words.add(inlinable.contains(number) || isTaken ? base + "_i" : base)
      if accumulators.contains(number) { words.reserve(derivedFrom: word) }
      return word
    }
  }
}

/// What a call passes to a kernel, by name.
struct KernelArguments {
  var arrays: [String]
  var indices: [String]
}

/// Hands out identifiers that are valid in C and different from each other.
struct DistinctWords {
  private var taken: Set<String>

  init(taken: Set<String> = []) { self.taken = taken }

  /// Whether the word would have to be changed.
  func contains(_ name: String) -> Bool { taken.contains(Self.identifier(name)) }

  /// The name as an identifier, with a number where it is taken.
  mutating func add(_ name: String) -> String {
    let base = Self.identifier(name)
    var (candidate, number) = (base, 2)
    while !taken.insert(candidate).inserted {
      candidate = "\(base)_\(number)"
      number += 1
    }
    return candidate
  }

  /// Keeps the words free that are made of an accumulator's: for its lanes, its terms.
  mutating func reserve(derivedFrom word: String) {
    for ending in ["_lanes", "_term", "_order", "_new"] { taken.insert(word + ending) }
  }

  private static func identifier(_ name: String) -> String {
    let word = name.utf8.contains(UInt8(ascii: ".")) ? name.replacing(".", with: "_") : name
    guard ReservedInC.contains(word) || isOfTheGenerator(word) else { return word }
    return ReservedInC.isForImplementation(word) ? "v" + word : word + "_"
  }

  /// Words that the texts of kernels and entry points use themselves.
  private static func isOfTheGenerator(_ word: String) -> Bool {
    if own.contains(word) || word.hasPrefix("mf_") || word.hasPrefix("mixfuse") { return true }
    let letters = word.prefix { !$0.isNumber }
    return letters.count == 1 && "iblem".contains(letters)
      && word.dropFirst().allSatisfy(\.isNumber)
  }

  private static let own: Set<String> = [
    "arena", "arguments", "arrays", "begin", "column_first", "column_last", "end", "far", "faults",
    "frame", "frame_storage", "i", "indices", "inputs", "is_inside", "l", "outputs", "own",
    "parallel", "row_first", "row_last", "start", "unit", "worker",
  ]
}

extension [Statement] {
  /// Visits all statements, those inside of loops included, in order.
  func forEachNested(_ body: (Statement) -> Void) {
    for statement in self {
      body(statement)
      switch statement {
      case .loop(_, _, let inner), .blocks(_, _, _, let inner): inner.forEachNested(body)
      case .define, .store, .storeLocal, .accumulator, .accumulate, .accumulateInMemory: break
      }
    }
  }
}

/// Finds the scalars whose expressions may stand where they are read: constants, and what is read
/// once, by a statement of the same list, with no statement between that could change what it reads.
private struct InliningAnalysis {
  private(set) var inlinable: Set<Int> = []
  private var readCounts: [Int: Int] = [:]
  /// Scalars that must be words: a choice's branches are evaluated before it, as vector lanes do, and so
  /// is what lanes beyond the extent do not add to a sum. A load that only some lanes do is a gather.
  private var words: Set<Int> = []

  init(_ kernel: FusedKernel) {
    kernel.statements.forEachNested { statement in
      for scalar in statement.scalarsRead { readCounts[scalar, default: 0] += 1 }
      words.formUnion(statement.scalarsReadByWord(isInLanes: kernel.lanes != nil))
    }
    visit(kernel.statements)
  }

  private mutating func visit(_ statements: [Statement]) {
    // By scalar: what is waiting to be written elsewhere, and whether it reads memory.
    var waiting: [Int: Bool] = [:]
    for statement in statements {
      var readsMemory = false
      for scalar in statement.scalarsRead {
        guard let isLoad = waiting.removeValue(forKey: scalar) else { continue }
        readsMemory = readsMemory || isLoad
        if readCounts[scalar] == 1, !words.contains(scalar) { inlinable.insert(scalar) }
      }
      switch statement {
      case .define(let scalar, let expression):
        switch expression {
        case .constant: inlinable.insert(scalar)
        case .position: waiting = [:]
        case .load, .loadLocal: waiting[scalar] = true
        case .index, .stepIndex, .apply: waiting[scalar] = readsMemory
        }
      case .loop(_, _, let body), .blocks(_, _, _, let body):
        waiting = [:]
        visit(body)
      case .store, .storeLocal, .accumulateInMemory: waiting = waiting.filter { !$0.value }
      case .accumulator, .accumulate: break
      }
    }
  }
}

extension Statement {
  /// The scalars that the statement itself reads, as often as it does.
  fileprivate var scalarsRead: [Int] {
    switch self {
    case .define(_, let expression):
      switch expression {
      case .constant, .stepIndex: []
      case .index(let index), .load(_, let index), .loadLocal(_, let index):
        index.lookups.map(\.variable)
      case .apply(_, let operands): operands
      case .position(let scalar, _, _, let place, _): [scalar] + place.lookups.map(\.variable)
      }
    case .store(_, let index, let scalar), .storeLocal(_, let index, let scalar):
      index.lookups.map(\.variable) + [scalar]
    case .accumulate(let sum, _, let value): [sum, value]
    case .accumulateInMemory(_, let index, _, let value):
      index.lookups.map(\.variable) + [value]
    case .loop, .blocks, .accumulator: []
    }
  }

  /// The scalars that the statement can only read as words.
  fileprivate func scalarsReadByWord(isInLanes: Bool) -> [Int] {
    switch self {
    case .define(_, .apply(.select, let operands)): Array(operands.dropFirst())
    case .define(_, .apply(let op, let operands)) where op.repeatsOperands: operands
    case .define(_, let expression):
      switch expression {
      case .index(let index), .load(_, let index), .loadLocal(_, let index):
        index.lookups.map(\.variable)
      case .apply: expression.angle.map { [$0] } ?? []
      case .position: scalarsRead
      case .constant, .stepIndex: []
      }
    case .store(_, let index, _), .storeLocal(_, let index, _): index.lookups.map(\.variable)
    case .accumulate(let sum, let reduction, let value):
      isInLanes || reduction == .maximum ? [sum, value] : [sum]
    case .accumulateInMemory(_, let index, let reduction, let value):
      index.lookups.map(\.variable) + (reduction == .maximum ? [value] : [])
    case .loop, .blocks, .accumulator: []
    }
  }
}
