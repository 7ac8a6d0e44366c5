import { parseInstant } from "../../core/time.ts";
const N=7000;
const mk=(r:number)=>JSON.parse("["+Array.from({length:N},(_,i)=>JSON.stringify(new Date(1767225600000+i+r*N).toISOString())).join()+"]") as string[];
function two(t:string,at:number){const a=t.charCodeAt(at)^48,b=t.charCodeAt(at+1)^48;return a>9||b>9?-1:a*10+b;}
function v2(t:string):number|undefined{
  if(t.length!==24) return undefined;
  const c=two(t,0),y=two(t,2),mo=two(t,5),d=two(t,8),h=two(t,11),mi=two(t,14),s=two(t,17),f=two(t,20),g=t.charCodeAt(22)^48;
  if((c|y|mo|d|h|mi|s|f)<0||g>9||mo===0||mo>12||d===0||d>28||h>23||mi>59||s>59||t.charCodeAt(4)!==45||t.charCodeAt(7)!==45||t.charCodeAt(10)!==84||t.charCodeAt(13)!==58||t.charCodeAt(16)!==58||t.charCodeAt(19)!==46||t.charCodeAt(23)!==90) return undefined;
  const year=c*100+y; const sh=mo>2?year:year-1; const era=Math.floor(sh/400); const yoe=sh-era*400;
  const doy=((153*(mo>2?mo-3:mo+9)+2)/5|0)+d-1;
  const doe=yoe*365+(yoe>>2)-(yoe/100|0)+doy;
  return (era*146097+doe-719468)*86400000+(h*3600+mi*60+s)*1000+f*10+g;
}
function v3(t:string){ return Date.parse(t);}
function time(name:string,f:(s:string)=>number|undefined){ let best=1e9; for(let r=0;r<60;r++){ const ev=mk(r); const t=performance.now(); for(const e of ev) sink+=f(e)!; best=Math.min(best,(performance.now()-t));} console.log(name.padEnd(28),(best*1e6/N).toFixed(0),"ns/rec"); }
let sink=0;
time("parseInstant",parseInstant);time("v2",v2);time("Date.parse",v3);
let prev="",prevMs=0;
time("memo17",(t)=>{ const p=t.slice(0,17); if(p!==prev){prev=p;prevMs=v2(t)!-0;} return prevMs+two(t,17)*1000;});
