/** Where on the page the teacher is: in the classroom, or among the devices. The address bar says it too. */

const DEVICES = "#devices";

class Place {
  devices = $state(location.hash === DEVICES);

  constructor() {
    addEventListener("hashchange", () => (this.devices = location.hash === DEVICES));
  }

  openDevices(): void {
    location.hash = DEVICES;
  }

  back(): void {
    // Without a trace in the address, and without a way "forward" to nowhere.
    history.pushState(null, "", location.pathname + location.search);
    this.devices = false;
    scrollTo(0, 0);
  }
}

export const place = new Place();
