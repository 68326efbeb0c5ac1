// SPDX-License-Identifier: Apache-2.0
//
// The wording of every message of this stage, in alphabetical order of the cases. The ids group
// them: declaration, dimension, name, shape, type, value, loop, call, unused, limitation.

import Diagnostics

/// The messages of elaboration.
enum ElaborationMessage: DiagnosticMessage {
  case ambiguousReshape
  case argumentMissing(String, of: String)
  case argumentRepeated(String)
  case argumentTooMany(of: String, limit: Int)
  case argumentUnknown(String, of: String)
  case assignmentToConstant(String)
  case axisOutOfRange(Int, rank: Int)
  case broadcast(op: String, lhs: String, rhs: String)
  case callLimit(Int)
  case conditionNeeded(found: String)
  case declarationMissing(String)
  case declarationRepeated(String)
  case dimensionOutOfRange(String, Int)
  case dimensionUnknown(String)
  case einsum(String)
  case elementTypeUnknown(String)
  case elementTypes(op: String, lhs: String, rhs: String)
  case fieldUnknown(String, of: String)
  case floatsNeeded(String)
  case functionUnknown(String)
  case initializerArguments(String, expected: String, found: Int)
  case initializerUnknown(String)
  case innerSizes(op: String, lhs: Int, rhs: Int)
  case kind(what: String, expected: String, found: String)
  case limitation(String)
  case loopCarry(String, before: String, after: String)
  case loopCollectsNothing
  case loopLengths([Int])
  case loopValueUnused
  case loopWithoutEffect
  case lossNotScalar(String, found: String)
  case nameUnknown(String)
  case optimizerUnknown(String)
  case positionAlwaysOutOfRange(String, value: Int, purpose: String, limit: Int)
  case positionOutOfRange(Int, size: Int)
  case presetUnknown(String)
  case randomPlace(String)
  case rangeEmpty(from: Int, to: Int)
  case rank(op: String, expected: String, found: String)
  case recursion(String)
  case reshape(from: String, to: String)
  case returnMissing(String)
  case returnMisplaced
  case shape(what: String, expected: String, found: String)
  case sizesDiffer(String, lhs: String, rhs: String, size: Int)
  case subscripts(count: Int, shape: String)
  case tooManyElements(String)
  case treeMismatch(String)
  case tuple(expected: Int, found: String)
  case unused(String)
  case wholeNumberNeeded(String, found: String)

  var id: String {
    switch self {
    case .ambiguousReshape: "shape.reshape"
    case .argumentMissing: "call.missing"
    case .argumentRepeated: "call.repeated"
    case .argumentTooMany: "call.count"
    case .argumentUnknown: "call.unknown"
    case .assignmentToConstant: "name.constant"
    case .axisOutOfRange: "shape.axis"
    case .broadcast: "shape.broadcast"
    case .callLimit: "call.limit"
    case .conditionNeeded: "type.condition"
    case .declarationMissing: "declaration.missing"
    case .declarationRepeated: "declaration.repeated"
    case .dimensionOutOfRange: "dimension.range"
    case .dimensionUnknown: "dimension.unknown"
    case .einsum: "shape.einsum"
    case .elementTypeUnknown: "type.unknown"
    case .elementTypes: "type.mixed"
    case .fieldUnknown: "name.field"
    case .floatsNeeded: "type.float"
    case .functionUnknown: "name.function"
    case .initializerArguments: "declaration.initializer"
    case .initializerUnknown: "name.initializer"
    case .innerSizes: "shape.inner"
    case .kind: "type.kind"
    case .limitation: "limitation"
    case .loopCarry: "loop.carry"
    case .loopCollectsNothing: "loop.empty"
    case .loopLengths: "loop.lengths"
    case .loopValueUnused: "loop.value"
    case .loopWithoutEffect: "loop.effect"
    case .lossNotScalar: "shape.loss"
    case .nameUnknown: "name.unknown"
    case .optimizerUnknown: "name.optimizer"
    case .positionAlwaysOutOfRange: "shape.position"
    case .positionOutOfRange: "shape.position"
    case .presetUnknown: "preset.unknown"
    case .randomPlace: "random.place"
    case .rangeEmpty: "shape.range"
    case .rank: "shape.rank"
    case .recursion: "call.recursion"
    case .reshape: "shape.reshape"
    case .returnMissing: "call.return"
    case .returnMisplaced: "call.return"
    case .shape: "shape.mismatch"
    case .sizesDiffer: "shape.dimension"
    case .subscripts: "shape.subscripts"
    case .tooManyElements: "shape.size"
    case .treeMismatch: "type.tree"
    case .tuple: "type.tuple"
    case .unused: "unused"
    case .wholeNumberNeeded: "type.whole"
    }
  }

  var severity: Severity {
    switch self {
    case .unused, .loopWithoutEffect: .warning
    default: .error
    }
  }

  var category: DiagnosticCategory {
    if case .limitation = self { .limitation } else { .userError }
  }

  var text: String {
    switch self {
    case .ambiguousReshape: "only one size of a reshape may be -1"
    case .argumentMissing(let name, let callee): "\(callee) needs an argument for \(name)"
    case .argumentRepeated(let name): "the argument \(name) is given twice"
    case .argumentTooMany(let callee, let limit):
      "\(callee) takes at most \(limit) argument\(limit == 1 ? "" : "s")"
    case .argumentUnknown(let name, let callee): "\(callee) has no parameter called \(name)"
    case .assignmentToConstant(let name): "\(name) cannot be assigned to, it is not a 'var'"
    case .axisOutOfRange(let axis, let rank):
      "there is no axis \(axis), the array has \(rank) ax\(rank == 1 ? "is" : "es")"
    case .broadcast(let op, let lhs, let rhs):
      "\(op) needs shapes that match, got \(lhs) and \(rhs)"
    case .callLimit(let limit):
      "the spec makes more than \(limit) calls of functions on different arguments"
    case .conditionNeeded(let found): "expected a condition such as x > 0, found \(found)"
    case .declarationMissing(let what): "the spec has no \(what)"
    case .declarationRepeated(let name): "\(name) is declared twice"
    case .dimensionOutOfRange(let name, let value):
      "the dimension \(name) must be from 1 to \(Elaborator.largestInteger), got \(value)"
    case .dimensionUnknown(let name): "the spec has no dimension called \(name)"
    case .einsum(let reason): "einsum: \(reason)"
    case .elementTypeUnknown(let name): "expected float, i32 or bool before a shape, found \(name)"
    case .elementTypes(let op, let lhs, let rhs):
      "\(op) needs arrays of one element type, got \(lhs) and \(rhs)"
    case .fieldUnknown(let name, let tree): "\(tree) has no field called \(name)"
    case .floatsNeeded(let found): "expected an array of floats, found \(found)"
    case .functionUnknown(let name): "there is no function called \(name)"
    case .initializerArguments(let name, let expected, let found):
      "\(name) takes \(expected), got \(found)"
    case .initializerUnknown(let name): "there is no initialiser called \(name)"
    case .innerSizes(let op, let lhs, let rhs):
      "\(op) needs equal inner sizes, got \(lhs) and \(rhs)"
    case .kind(let what, let expected, let found): "\(what) must be \(expected), got \(found)"
    case .limitation(let what): "\(what) is not supported yet"
    case .loopCarry(let name, let before, let after):
      "\(name) changes its type in the loop, from \(before) to \(after)"
    case .loopCollectsNothing: "the loop has no iteration, so it collects nothing"
    case .loopLengths(let lengths):
      "the loop goes through sequences of different lengths, "
        + lengths.map(String.init).joined(separator: " and ")
    case .loopValueUnused: "nothing takes what the loop collects; write 'let ys = for ...'"
    case .loopWithoutEffect: "the loop assigns no variable from outside, so it does nothing"
    case .lossNotScalar(let what, let found):
      "the \(what) loss must be a single float, got \(found)"
    case .nameUnknown(let name): "there is nothing called \(name) here"
    case .optimizerUnknown(let name): "there is no optimiser called \(name)"
    case .positionAlwaysOutOfRange(let subject, let value, let purpose, let limit):
      "\(subject) reaches \(value), expected \(purpose) from 0 to \(limit - 1)"
    case .positionOutOfRange(let position, let size):
      "position \(position) is outside of an axis of size \(size)"
    case .presetUnknown(let name): "the spec has no preset called \(name)"
    case .randomPlace(let name): "'\(name)' draws random numbers, which only losses can"
    case .rangeEmpty(let from, let to): "the range \(from):\(to) is empty"
    case .rank(let op, let expected, let found): "\(op) needs \(expected), got \(found)"
    case .recursion(let name): "\(name) calls itself; the language has no recursion"
    case .reshape(let from, let to): "an array \(from) cannot be reshaped to \(to)"
    case .returnMissing(let name): "\(name) ends without a 'return'"
    case .returnMisplaced: "'return' must be the last statement of a function"
    case .shape(let what, let expected, let found): "\(what) must be \(expected), got \(found)"
    case .sizesDiffer(let what, let lhs, let rhs, let size):
      "\(what) takes \(lhs) and \(rhs) for one size, but they are two, though both are \(size) here"
    case .subscripts(let count, let shape):
      "\(count) subscripts are too many for the shape \(shape)"
    case .tooManyElements(let shape): "an array \(shape) has too many elements"
    case .treeMismatch(let difference): difference
    case .tuple(let expected, let found): "expected a tuple of \(expected), found \(found)"
    case .unused(let name): "\(name) is never used"
    case .wholeNumberNeeded(let what, let found): "\(what) must be a whole number, got \(found)"
    }
  }
}
