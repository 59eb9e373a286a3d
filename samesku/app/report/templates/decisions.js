// What people say of groups, as annotations of pairs, and the groups that follow from it.
"use strict";

const pairKey = (a, b) => (a < b ? `${a}\t${b}` : `${b}\t${a}`);

/** All pairs of a listing of `left` and a listing of `right`. */
const pairsBetween = (left, right) => left.flatMap((a) => right.map((b) => [a, b]));

/** The pairs that make listings one product: the first with each other listing. */
const star = (listings) => listings.slice(1).map((listing) => [listings[0], listing]);

/** Which answers an action gives: [listing, listing, answer or null] of listings by number. */
const decisions = {
  /** All listings of the group are one product. */
  confirm: (group) => star(group.listings).map((pair) => [...pair, "same"]),
  /** Some listings do not belong to the product of the others. */
  remove(group, removed) {
    const rest = group.listings.filter((listing) => !removed.includes(listing));
    return pairsBetween(removed, rest).map((pair) => [...pair, "different"]);
  },
  /** The selected listings are one product, the others another one. */
  split(group, selected) {
    const rest = group.listings.filter((listing) => !selected.includes(listing));
    return [
      ...[...star(selected), ...star(rest)].map((pair) => [...pair, "same"]),
      ...pairsBetween(selected, rest).map((pair) => [...pair, "different"])];
  },
  /** The listings of both groups are one product, whatever annotations of their pairs there are. */
  merge(left, right, answers) {
    const listings = [...left.listings, ...right.listings];
    const pairs = new Map(star(listings).map((pair) => [pairKey(...pair), pair]));
    for (const pair of pairsBetween(left.listings, right.listings)) {
      if (answers.get(pairKey(...pair)) === "different") pairs.set(pairKey(...pair), pair);
    }
    return [...pairs.values()].map((pair) => [...pair, "same"]);
  },
  /** Two groups are different products. Of many pairs, those with the first listing of the other group say it. */
  apart(left, right) {
    const pairs = left.length * right.length <= 100 ? pairsBetween(left, right)
      : [...pairsBetween(left.slice(0, 1), right), ...pairsBetween(left.slice(1), right.slice(0, 1))];
    return pairs.map((pair) => [...pair, "different"]);
  },
  /** A removed listing belongs to the group again. */
  putBack: (group, listing, answers) => group.listings
    .filter((member) => answers.get(pairKey(member, listing)) === "different")
    .map((member) => [member, listing, null]),
};

/** Sets of listings by a list of pairs: listing -> the others it stands with. */
function adjacency(pairs) {
  const others = new Map();
  const add = (a, b) => { if (!others.has(a)) others.set(a, new Set()); others.get(a).add(b); };
  for (const [a, b] of pairs) { add(a, b); add(b, a); }
  return others;
}

/** The connected components of listings by pairs. */
function components(listings, others) {
  const left = new Set(listings);
  const parts = [];
  for (const start of listings) {
    if (!left.delete(start)) continue;
    const part = [start];
    for (const listing of part) for (const next of others.get(listing) ?? []) if (left.delete(next)) part.push(next);
    parts.push(part);
  }
  return parts;
}

/**
 * The groups after annotations.
 *
 * A listing that differs from the others of its group leaves it, alone or with the listings that it is the same as.
 * Groups that a pair of the same product joins become one. `base` are the groups of the system:
 * {number, name, listings, scores, contradictions}; `answers` maps pairKey of two numbers to an answer.
 * A group of the result has also: removed (listings that left it and stand alone), confirmed, changed.
 */
function deriveGroups(base, answers) {
  const pairs = { same: [], different: [], skip: [] };
  for (const [key, answer] of answers) pairs[answer].push(key.split("\t").map(Number));
  if (!pairs.same.length && !pairs.different.length) return base;
  const same = adjacency(pairs.same);
  const different = adjacency(pairs.different);
  const groups = [];
  const groupOf = new Map();
  const put = (group) => { groups.push(group); for (const listing of group.listings) groupOf.set(listing, group); };
  for (const group of base) {
    const apart = (a, part) => different.has(a) && part.some((b) => different.get(a).has(b));
    if (!group.listings.some((listing) => apart(listing, group.listings))) { put({ ...group, removed: [] }); continue; }
    const nApart = new Map(group.listings.map((a) => [a, group.listings.filter((b) => different.get(a)?.has(b)).length]));
    const main = [];
    const rest = [];
    for (const listing of [...group.listings].sort((a, b) => nApart.get(a) - nApart.get(b))) (apart(listing, main) ? rest : main).push(listing);
    const inOrder = (part) => group.listings.filter((listing) => part.includes(listing));
    const parts = components(inOrder(rest), same);
    put({ ...group, ...membersOf(group, inOrder(main)), removed: [], changed: true });
    parts.forEach((part, i) => put({
      ...group, ...membersOf(group, inOrder(part)), removed: [], changed: true, leftGroup: groupOf.get(main[0]), name: `${group.name}${String.fromCharCode(98 + (i % 25))}`,
    }));
  }
  for (const [a, b] of pairs.same) {
    const [left, right] = [groupOf.get(a), groupOf.get(b)];
    if (!left || !right || left === right) continue;
    const [into, from] = left.listings.length >= right.listings.length ? [left, right] : [right, left];
    into.contradictions = [...into.contradictions, ...from.contradictions];
    into.listings = [...into.listings, ...from.listings];
    into.scores = [...into.scores, ...from.scores];
    into.removed = [...into.removed, ...from.removed];
    if (from.leftGroup && from.leftGroup !== into) into.leftGroup = undefined;
    into.changed = true;
    from.mergedInto = into;
    for (const listing of from.listings) groupOf.set(listing, into);
  }
  // A listing that left its group and stands alone is shown with the group that it left.
  for (const group of groups) {
    if (group.mergedInto || !group.leftGroup || group.listings.length > 1) continue;
    let target = group.leftGroup;
    while (target.mergedInto) target = target.mergedInto;
    target.removed.push(group.listings[0]);
    group.mergedInto = target;
  }
  const result = groups.filter((group) => !group.mergedInto);
  for (const group of result) {
    group.confirmed = group.listings.length > 1 && group.listings.every((listing) => same.has(listing)) &&
      components(group.listings, same).length === 1;
  }
  return result;
}

/** The listings of a part of a group, with their scores and contradictions. */
function membersOf(group, listings) {
  const place = new Map(group.listings.map((listing, i) => [listing, i]));
  return {
    listings,
    scores: listings.map((listing) => group.scores[place.get(listing)]),
    contradictions: group.contradictions.filter(([a, b]) => listings.includes(a) && listings.includes(b)),
  };
}
