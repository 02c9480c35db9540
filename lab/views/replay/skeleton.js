// What stands on the page before a run is put into it, and what the panel of keys says.

const SKELETON = `
<header>
  <h2 class="title"></h2>
  <p class="tally"></p>
  <input class="find" type="search" autocomplete="off" spellcheck="false" placeholder="Find a host or a message" aria-label="Find a host or a message">
  <datalist></datalist>
  <button class="theme" type="button"></button>
</header>
<p class="verdict"></p>
<div class="views">
  <section class="map" aria-label="Map"><canvas role="img" tabindex="0"></canvas>
    <div class="under"><div class="legend" aria-hidden="true">
    <span><i class="k host"></i>host</span><span><i class="k relay"></i>relays</span><span class="if-routers"><i class="k router"></i>router</span>
    <span><i class="k command"></i>command</span><span><i class="k reply"></i>reply</span><span><i class="k refusal"></i>4yz, 5yz</span>
    <span><i class="k mail"></i>mail data</span><span><i class="k spool">2</i>in spool</span><span><i class="k drop">2</i>delivered</span>
    <span class="if-cut"><b class="cut">✖━✖</b></span>
    <span class="if-load"><i class="k load"></i>link: width carried, core busy</span>
  </div>
    <div class="zooms" role="group" aria-label="Zoom of the map"><button type="button" class="zoom-in" aria-label="Zoom in">+</button><button type="button" class="zoom-out" aria-label="Zoom out">−</button><button type="button" class="zoom-all" aria-label="The whole map">⤢</button></div></div></section>
  <section class="ladder" aria-label="Ladder"><p class="row"><label>Ladder of <select class="scope"></select></label></p>
    <canvas role="img" tabindex="0" aria-label="Ladder: hosts as lines, time downward. Arrow keys up and down scroll it."></canvas></section>
  <section class="side">
    <div role="tablist" aria-label="Beside the map">
      <button role="tab" type="button" data-tab="ladder">Ladder</button>
      <button role="tab" type="button" data-tab="messages">Messages</button>
      <button role="tab" type="button" data-tab="why">Why</button>
      <button role="tab" type="button" data-tab="follow">Session</button>
      <button role="tab" type="button" data-tab="host">Host</button>
      <button role="tab" type="button" data-tab="states">States</button>
      <button role="tab" type="button" data-tab="events">Events</button>
      <button role="tab" type="button" data-tab="keys">Keys</button>
    </div>
    <div role="tabpanel" data-panel="messages"></div>
    <div role="tabpanel" data-panel="why" tabindex="0"></div>
    <div role="tabpanel" data-panel="host" tabindex="0"></div>
    <div role="tabpanel" data-panel="states" tabindex="0"></div>
    <div role="tabpanel" data-panel="events" tabindex="0"></div>
    <div role="tabpanel" data-panel="keys" tabindex="0"></div>
  </section>
  <section class="follow" aria-label="Session" tabindex="0"></section>
</div>
<p class="tip" aria-hidden="true" hidden></p>
<p class="now" role="status" aria-live="polite"></p>
<footer>
  <canvas class="timeline" role="img" aria-label="Timeline; click to go to a moment"></canvas>
  <input class="slider" type="range" min="0" max="1000000" step="1" value="0" aria-label="Time">
  <div class="acts row" role="group" aria-label="Change the run from this moment on" hidden></div>
  <div class="controls">
    <button class="first" type="button" aria-label="To the beginning" title="To the beginning (Home)"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3 3v10M13 3 6 8l7 5z"/></svg></button>
    <button class="back" type="button" aria-label="Back one event" title="Back one event (←)"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M11 2.5 4 8l7 5.5z"/></svg></button>
    <button class="play" type="button" aria-label="Play" title="Play or pause (space)">▶ Play</button>
    <button class="step" type="button" aria-label="Step one event" title="Step one event (→)"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5 2.5 12 8l-7 5.5z"/></svg></button>
    <button class="last" type="button" aria-label="To the end" title="To the end (End)"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M13 3v10M3 3l7 5-7 5z"/></svg></button>
    <output class="clock"></output>
    <div class="legend phases-of" aria-hidden="true"></div>
    <label>Speed <select class="speed"></select></label>
    <label class="check"><input class="skip" type="checkbox" checked> skip waiting</label>
  </div>
</footer>`;

const KEYS = [
  ["Space", "play or pause"], ["→ ←", "one event on, or back"],
  ["Shift → ←", "to the next event, or the one before, in the ladder"],
  ["Page Up, Page Down", "ten events back, or on"], ["Home End", "to the beginning, to the end"],
  ["+ −", "faster, slower"], ["[ ]", "the host before, the next host"],
  ["n N", "the next failure, the failure before"], ["m M", "the next message, the message before"], ["b B", "the next breakpoint, the one before"], ["/", "to the query of messages"],
  ["Esc", "select nothing"], ["z Z", "zoom the timeline in, out"], ["Arrows + − 0", "on the map: move, zoom, all of it"],
  ["w", "skip waiting, or not"], ["d", "dark, light, or as the system has it"], ["?", "these keys"],
];
