/** A doubly linked list of groups, threaded through the groups themselves: joining and leaving cost nothing. */
import type { Group } from "./group.ts";

export class GroupList {
  #head: Group | undefined;
  #tail: Group | undefined;

  /** The group that joined first. */
  get first(): Group | undefined {
    return this.#head;
  }

  push(group: Group): void {
    group.list = this;
    group.previous = this.#tail;
    group.next = undefined;
    if (this.#tail === undefined) this.#head = group;
    else this.#tail.next = group;
    this.#tail = group;
  }

  remove(group: Group): void {
    if (group.list !== this) return;
    if (group.previous === undefined) this.#head = group.next;
    else group.previous.next = group.next;
    if (group.next === undefined) this.#tail = group.previous;
    else group.next.previous = group.previous;
    group.previous = undefined;
    group.next = undefined;
    group.list = undefined;
  }
}
