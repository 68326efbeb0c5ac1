// SPDX-License-Identifier: Apache-2.0
//
// Random derivatives of functions that are written on the spot and see another value of the scope.

extension RandomSpecWriter {
  /// A derivative with the shape of a value of the scope.
  mutating func derivative(_ scope: RandomSpecScope) -> Value {
    let shape = pick(scope).shape
    let (x, seen, v) = (tame(scope, shape), tame(scope, shape), tame(scope, shape))
    let name = fresh("q")
    let element = generator.choose(["sin(NAME * SEEN)", "tanh(NAME) * SEEN", "NAME ** 2 * SEEN"])
      .replacing("NAME", with: name).replacing("SEEN", with: seen.text)
    let (array, number) = ("\(name) -> \(element)", "\(name) -> sum(\(element))")
    let text =
      switch Int.random(in: 0..<7, using: &generator) {
      case 0: "grad(\(number), \(x.text))"
      case 1: "value_and_grad(\(number), \(x.text))[1]"
      case 2: "jvp(\(array), \(x.text), \(v.text))"
      case 3: "value_and_jvp(\(array), \(x.text), \(v.text))[\(generator.choose([0, 1]))]"
      case 4: "vjp(\(array), \(x.text), \(v.text))"
      case 5: "hvp(\(number), \(x.text), \(v.text))"
      default: "grad((\(name)_0, \(name)) -> sum(\(element)), 1, \(x.text), wrt: 1)"
      }
    return Value(text: text, shape: shape, bound: 3)
  }
}
